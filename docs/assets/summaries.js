// The search shows the beginning of each page that it finds, which a browser reads from a server only.
DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = location.protocol !== "file:";
