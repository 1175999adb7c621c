"""What can be done with the web: fetch, crawl, search. Knows no protocol, and no chat model.

The network is `knowledge.guard`'s, the reading of pages `knowledge.read`'s. Here stands what lies
between: copies that are kept, politeness, and what makes a page's text safe to hand on.
"""
