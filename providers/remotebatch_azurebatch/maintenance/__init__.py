"""For those who keep an account: what jobs leave behind."""
