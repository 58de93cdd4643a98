"""Package data: templates, pictures and the script that makes them."""
