// Has GitHub's own evaluator compute expressions: {"contexts": …, "expressions": […]} on stdin → a JSON list of texts.
import { readFileSync } from "node:fs";
import { register } from "node:module";

register("./json-hook.mjs", import.meta.url);
const { Lexer, Parser, Evaluator, data } = await import("@actions/expressions");

const { contexts, expressions } = JSON.parse(readFileSync(0, "utf8"));
const known = JSON.parse(JSON.stringify(contexts), data.reviver);
const found = expressions.map((text) => {
  const tokens = new Lexer(text).lex().tokens;
  return new Evaluator(new Parser(tokens, Object.keys(contexts), []).parse(), known).evaluate().coerceString();
});
console.log(JSON.stringify(found));
