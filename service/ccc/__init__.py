"""Alibaba's wire: signing, payloads, credentials, the rate limit and the client."""
