"""The load: wrk and h2load as fast as the proxy answers, and a generator of our own at a fixed rate."""
