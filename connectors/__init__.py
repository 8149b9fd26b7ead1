"""What joins winback to the outside: shops, mail services, SMTP, imports, and honest fakes."""
