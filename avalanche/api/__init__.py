"""The REST API of avalanche: read endpoints for everybody, and the door for builders' agents."""
