"""What stands between the network and the service: connections, headers, bodies, keys."""
