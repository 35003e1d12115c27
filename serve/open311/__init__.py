"""The service's Open311 GeoReport v2 endpoint, for partner apps."""
