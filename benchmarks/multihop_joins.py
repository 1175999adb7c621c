"""The words by which two questions become one: known, in view, and unseen.

`{A}` and `{B}` are the questions without their mark, `{a}` and `{b}` the same in lower case.
"""

JOINS = (
    "{A}, and {b}?",
    "{A} and {b}?",
    "{A}? {B}?",
    "{A}? And {b}?",
    "Can you tell me {a}, and also {b}?",
    "I would like to know {a} as well as {b}.",
    "{A}; {b}?",
)
OTHER_JOINS = (
    "{A}, plus {b}?",
    "Two things: {a}, {b}?",
    "{A} - and {b}?",
    "{A}. Also, {b}?",
    "First, {a}? Second, {b}?",
    "Help me with this: {a}, along with {b}.",
    "{A} (and {b})?",
    "Besides {a}, tell me {b}.",
)
"""Chosen when the first policy was done. It was generalised with them in view: unseen no more."""
FRESH_JOINS = (
    "{A}, and {b}?",
    "{A}? Also, {b}?",
    "Two questions: {a}, and {b}?",
    "1. {A}? 2. {B}?",
    "Hi, I have two things I'd like to know. {A}? And {b}? Thanks!",
    "{A}? {B}?",
    "{A}? Oh, and while you're at it, {b}?",
    "Please look up the following for me: (a) {a} (b) {b}",
    "First, {a}? Second, {b}?",
    "{A}? And on a completely different topic, {b}?",
    "I need answers to these two: {a}; {b}. Short answers are fine.",
    "Could you tell me {a}? I'd also like to find out {b}.",
    "{A} (and, separately, {b})?",
    "Before I forget, {b}? But my main question is: {a}?",
    "Q1: {A}? Q2: {B}?",
    "{A}? One more thing I was wondering about: {b}? Not related to the first one.",
)
"""Written by someone who knew neither the policy nor the joins above; the policy has not changed
since. Three of them happen to be among those above."""
