"""From a source (stream, recording, photo) to incidents and the pictures that show them."""
