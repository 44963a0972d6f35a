// Run the search of a built site as a browser does, and print its results as JSON, a list for each query:
// node site_check.js FOLDER QUERY...
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

const [site, ...queries] = process.argv.slice(2);
const nothing = () => {};
const page = {
  documentElement: { dataset: { content_root: "./" } },
  getElementById: () => null,
  querySelector: () => null,
  addEventListener: nothing,
  readyState: "loading",
};
const context = vm.createContext({ document: page, localStorage: { setItem: nothing }, console });
context.window = context;
const names = ["_static/doctools.js", "_static/language_data.js", "_static/sphinx_highlight.js", "_static/searchtools.js"];
for (const name of [...names, "searchindex.js"]) {
  vm.runInContext(fs.readFileSync(path.join(site, name), "utf8"), context, { filename: name });
}
context.queries = queries;
// the last of the results is shown first
const found = vm.runInContext(
  "queries.map(query => Search._performSearch(...Search._parseQuery(query)).reverse().map(result => result[0]))",
  context,
);
console.log(JSON.stringify(found));
