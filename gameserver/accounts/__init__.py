"""Who a player is: register, login, guest, tokens, throttling."""
