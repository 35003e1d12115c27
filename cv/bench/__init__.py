"""`kerbwatch bench`: whether incidents are right, and how fast everything is."""
