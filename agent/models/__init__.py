"""The models that can answer: any provider, local weights, a script, or the embedded reader."""
