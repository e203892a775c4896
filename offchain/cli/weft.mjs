#!/usr/bin/env node
// The door of the packed package, in plain JavaScript: an older Node would fail at what this loads without saying why.
const least = [22, 18];
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < least[0] || (major === least[0] && minor < least[1])) {
  process.stderr.write(
    `weft: this is Node ${process.versions.node}, and weft needs ${least.join(".")} or newer [old_node]. ` +
      `Try: npx -y -p node-${process.platform}-${process.arch}@24 -p weft weft\n`,
  );
  process.exit(1);
}
await import("./main.js");
