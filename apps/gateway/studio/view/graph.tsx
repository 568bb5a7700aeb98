/** The graph node by node: from each on to the nodes that it reads from and those that read it. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { graphNodeQuery, nodesQuery } from "../api/queries.ts";
import type { Count, NodeDetail, NodeLine } from "../api/types.ts";
import { useQuery, useStudio } from "./context.ts";

export function Graph({ model, operators }: { model: string; operators: readonly Count[] }): JSX.Element {
  const [op, setOp] = useState("");
  const [chosen, setChosen] = useState<string>();
  const [moved, setMoved] = useState(false);
  const { data } = useQuery(nodesQuery, { id: model, op: op === "" ? null : op });
  const list = data?.model?.nodes;
  const name = chosen ?? list?.nodes[0]?.name;
  const go = (to: string): void => {
    setChosen(to);
    setMoved(true);
  };
  return (
    <section class="card wide" aria-labelledby="graph">
      <h3 id="graph">Graph</h3>
      <div class="row">
        <label>Operator <select value={op} onChange={({ currentTarget: { value } }) => (setOp(value), setChosen(undefined), setMoved(false))}>
          <option value="">all</option>
          {operators.map(({ name: operator }) => <option key={operator} value={operator}>{operator}</option>)}
        </select></label>
        <label>Node <select value={name} onChange={({ currentTarget: { value } }) => (setChosen(value), setMoved(false))}>
          {name !== undefined && !list?.nodes.some((node) => node.name === name) && <option value={name}>{name}</option>}
          {list?.nodes.map((node) => <option key={node.name} value={node.name}>{node.name}</option>)}
        </select></label>
      </div>
      {list?.pageInfo.hasNextPage && <p class="hint">The first {list.nodes.length} nodes; the others are reached from their neighbours, or by their operator.</p>}
      {name !== undefined && <NodeCard model={model} name={name} moved={moved} go={go} />}
    </section>
  );
}

function NodeCard({ model, name, moved, go }: { model: string; name: string; moved: boolean; go(to: string): void }): JSX.Element {
  const { announce } = useStudio();
  const heading = useRef<HTMLHeadingElement>(null);
  const node = useQuery(graphNodeQuery, { id: model, name }).data?.model?.graphNode;
  useEffect(() => {
    if (!node || !moved) return;
    // Whoever went on by a neighbour goes on from there.
    heading.current?.focus();
    announce(`${node.name}, ${node.op}`);
  }, [node]);
  if (!node) return <p class="hint">Loading…</p>;
  return (
    <div class="node">
      <Neighbours label="Reads from" none="Only inputs and weights of the model." nodes={node.before} go={go} />
      <div>
        <h4 ref={heading} tabIndex={-1}>{node.name} <small>{node.op}</small></h4>
        <NodeFacts node={node} />
      </div>
      <Neighbours label="Read by" none="Only outputs of the model." nodes={node.after} go={go} />
    </div>
  );
}

const NodeFacts = ({ node }: { node: NodeDetail }): JSX.Element => (
  <table>
    <caption class="sr-only">Values and attributes of {node.name}</caption>
    <tbody>
      <tr><th scope="row">Inputs</th><td><Names names={node.inputs} /></td></tr>
      <tr><th scope="row">Outputs</th><td><Names names={node.outputs} /></td></tr>
      {node.attributes.map((a) => <tr key={a.name}><th scope="row">{a.name}</th><td><code>{a.value}</code></td></tr>)}
    </tbody>
  </table>
);

const Names = ({ names }: { names: readonly string[] }): JSX.Element => <code>{names.map((name) => (name === "" ? "(left out)" : name)).join(", ")}</code>;

function Neighbours({ label, none, nodes, go }: { label: string; none: string; nodes: readonly NodeLine[]; go(to: string): void }): JSX.Element {
  return (
    <div role="group" aria-label={label}>
      <p class="hint">{label}</p>
      {nodes.length === 0 ? <p class="hint">{none}</p> : (
        <ul>{nodes.map((node) => <li key={node.name}><button type="button" onClick={() => go(node.name)}>{node.name} <small>{node.op}</small></button></li>)}</ul>
      )}
    </div>
  );
}
