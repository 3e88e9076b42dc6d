"""A minimal quoting policy: joins the side that the microprice leans to, until it turns."""
