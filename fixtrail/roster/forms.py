"""A roster as CSV, as a calendar (iCalendar, RFC 5545), as JSON, as text and as a page."""


