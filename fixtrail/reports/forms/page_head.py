"""The beginning of a page in a file, which no server sends a policy with: nothing runs in it, and it loads nothing."""

FILE_HEAD = (
    '<meta charset="utf-8">\n'
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
)
