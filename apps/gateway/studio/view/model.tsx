import type { JSX } from "preact";
import { localUrl, request, unwrap } from "../api/graphql.ts";
import { deleteModelMutation, modelQuery } from "../api/queries.ts";
import type { ModelDetail, Port } from "../api/types.ts";
import { BarTable, Shares } from "./charts.tsx";
import { useQuery, useStudio } from "./context.ts";
import { bytes, count, exact, percent } from "./format.ts";
import { Graph } from "./graph.tsx";
import { Layers } from "./layers.tsx";
import { Figure, Heading } from "./parts.tsx";
import { go } from "./route.ts";
import { Steps } from "./steps.tsx";

export function ModelPage({ id, from }: { id: string; from: string | undefined }): JSX.Element {
  const { data } = useQuery(modelQuery, { id });
  if (!data) return <p>Loading…</p>;
  if (!data.model) return <Heading>This model is not there any more.</Heading>;
  return (
    <>
      <Heading>{data.model.name}</Heading>
      <Facts model={data.model} />
      <Steps model={data.model} from={from} />
      <div class="cards">
        <Weights model={data.model} />
        <Ports model={data.model} />
        <Layers model={id} />
        <Graph model={id} operators={data.model.stats.operators} />
      </div>
    </>
  );
}

function Facts({ model }: { model: ModelDetail }): JSX.Element {
  const { announce, fail, refresh } = useStudio();
  const { stats } = model;
  const remove = async (): Promise<void> => {
    if (!confirm(`Delete ${model.name}?`)) return;
    try {
      unwrap((await request(deleteModelMutation, { id: model.id })).deleteModel);
      announce(`${model.name} is deleted.`);
      go({});
      refresh();
    } catch (error) {
      fail(error);
    }
  };
  return (
    <>
      <dl class="figures">
        <Figure label="File size" value={bytes(model.fileBytes)} title={`${exact(model.fileBytes)} bytes`} />
        <Figure label="Parameters" value={count(stats.parameters)} title={exact(stats.parameters)} />
        <Figure label="MACs a run" value={count(stats.macs)} title={exact(stats.macs)} />
        <Figure label="Nodes" value={exact(stats.nodeCount)} />
        <Figure label="Zero weights" value={stats.sparsity === null ? "none" : percent(stats.sparsity)} />
        <Figure label="Opset" value={stats.opsets.map(({ name, value }) => (name === "" || name === "ai.onnx" ? String(value) : `${name} ${value}`)).join(", ")} />
      </dl>
      {(stats.unbound.length > 0 || stats.unknownLayers > 0) && (
        <p class="hint">
          {stats.unbound.length > 0 && `Sizes that the model leaves open: ${stats.unbound.join(", ")}; work that depends on them is not counted. `}
          {stats.unknownLayers > 0 && `The work of ${stats.unknownLayers} nodes is not known.`}
        </p>
      )}
      <p class="row">
        {model.files.map((file) => <a key={file.name} href={localUrl(file.url)} download={file.name}>Download {file.name}</a>)}
        <button type="button" class="quiet" onClick={() => void remove()}>Delete</button>
      </p>
    </>
  );
}

function Weights({ model: { stats } }: { model: ModelDetail }): JSX.Element {
  return (
    <section class="card" aria-labelledby="weights">
      <h3 id="weights">Weights and operators</h3>
      <Shares label="Bytes of weights by data type" parts={stats.bytesByDtype} format={bytes} />
      <BarTable caption="Nodes by operator" columns={["Operator", "Nodes"]} rows={stats.operators.toSorted((a, b) => b.value - a.value)} format={exact} />
    </section>
  );
}

function Ports({ model: { stats } }: { model: ModelDetail }): JSX.Element {
  return (
    <section class="card" aria-labelledby="ports">
      <h3 id="ports">Inputs and outputs</h3>
      <PortTable caption="Inputs" ports={stats.inputs} />
      <PortTable caption="Outputs" ports={stats.outputs} />
      <p class="hint">Made by {stats.producer || "an unnamed program"}, format version {stats.irVersion}.</p>
    </section>
  );
}

const PortTable = ({ caption, ports }: { caption: string; ports: readonly Port[] }): JSX.Element => (
  <table>
    <caption>{caption}</caption>
    <thead><tr><th scope="col">Name</th><th scope="col">Type</th></tr></thead>
    <tbody>{ports.map(({ name, type }) => <tr key={name}><th scope="row">{name}</th><td><code>{type}</code></td></tr>)}</tbody>
  </table>
);
