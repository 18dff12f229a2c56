"""One service for a team, which completes for the editor plugins that people already have.

Needs the extra `http`. A request goes from `app` through `guard` to one of the `dialects`, and from
there by `service` to a process of `engine`.
"""
