// node tests/explorer.js PAGE: what the page answers: the neighbours of each word, and the analogies of each three.
const page = require("fs").readFileSync(process.argv[2], "utf8");
const data = JSON.parse(page.match(/id="data">([^<]*)<\/script>/)[1]);
const script = page.match(/<script>([^]*?)<\/script>/)[1];
const vectors = new (require("vm").runInThisContext(script + ";Vectors"))(data);
const words = (found) => found.map(({ row, cosine }) => [data.words[row], cosine]);
const rows = data.words.map((word) => vectors.find(word));
const neighbours = rows.map((row) => words(vectors.nearest([[row, 1]], 10)));
const analogies = rows.slice(2).map((row) => words(vectors.nearest([[row - 2, -1], [row - 1, 1], [row, 1]], 10)));
console.log(JSON.stringify({ neighbours, analogies, folded: vectors.find(" W7"), unknown: vectors.find("none") ?? null }));
