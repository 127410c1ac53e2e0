"""What the command line does; `ringback.cli` imports each room only when its command is called."""
