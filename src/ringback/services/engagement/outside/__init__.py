"""What engagement has to do with the world outside: captcha, push, statistics, and the secrets for them."""
