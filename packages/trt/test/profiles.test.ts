/** Optimization profiles: typed, complete, in order, and consistent with the model. */
import { checkProfiles, dynamicInputs, passes, profileFor, profileProblems, type InputProfile, type Profile } from "@lathe/trt";
import { parseModel } from "@lathe/testkit";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const model = parseModel(`
model ir 8, ai.onnx 17
graph main(x: float32[N,3,H,?], mask: float32[N,1], fixed: float32[2]) -> (y: float32[...]) {
  z: float32[...] = Mul(x, x)
  y: float32[...] = Identity(z)
}`);

const same = (...dims: number[]): InputProfile => ({ min: dims, opt: dims, max: dims });
const good: Profile = { x: { min: [1, 3, 32, 32], opt: [4, 3, 64, 64], max: [8, 3, 128, 128] }, mask: { min: [1, 1], opt: [4, 1], max: [8, 1] } };

it("knows which inputs need a profile", () => {
  expect(dynamicInputs(model)).toEqual(["x", "mask"]);
});

it("finds nothing wrong with a complete profile, nor with several", () => {
  expect(profileProblems(model, [good, good])).toEqual([]);
});

describe("what is wrong with a profile", () => {
  it.each<[string, string, Profile, string]>([
    ["an unknown input", "profile-input", { ...good, image: same(1) }, "The profile names \"image\", which is no input of the model (there are: x, mask, fixed)."],
    ["a missing input", "profile-missing", { x: good.x! }, "The profile leaves out what is of dynamic shape: \"mask\"."],
    ["a wrong rank", "profile-rank", { ...good, mask: same(1) }, "The profile gives \"mask\" a min shape of 1 dimensions; the model's has 2."],
    ["a fraction", "profile-size", { ...good, mask: { ...good.mask!, opt: [1.5, 1] } }, "The profile gives \"mask\" the opt shape [1.5, 1], where 1.5 is no size."],
    ["an empty optimum", "profile-size", { ...good, mask: { ...good.mask!, min: [0, 1], opt: [0, 1] } }, "The profile gives \"mask\" the opt shape [0, 1], where 0 is no size."],
    ["the wrong order", "profile-order", { ...good, mask: { min: [4, 1], opt: [1, 1], max: [8, 1] } }, "The profile gives axis 0 of \"mask\" min 4, opt 1, max 8."],
    ["another size for a fixed dimension", "profile-static", { ...good, fixed: same(3) }, "The profile gives axis 0 of \"fixed\" the sizes 3, but the model fixes it to 2."],
    ["one symbol of two sizes", "profile-symbol", { ...good, mask: same(2, 1) }, "The profile gives \"N\" the sizes 1, 4, 8 in \"x\" and 2, 2, 2 in \"mask\"."],
  ])("%s", (_, id, profile, message) => {
    const problems = profileProblems(model, [profile]);
    expect(problems[0]).toMatchObject({ id, severity: "error", message });
    expect(passes(problems)).toBe(false);
    expect(() => checkProfiles(model, [profile])).toThrow("TRT_PROFILE");
  });

  it("shapes that an operator refuses", () => {
    const strict = parseModel(`
model ir 8, ai.onnx 17
graph main(a: float32[R,4], b: float32[C,4]) -> (y: float32[...]) {
  y: float32[...] = Add(a, b)
}`);
    expect(profileProblems(strict, [{ a: same(2, 4), b: same(3, 4) }])[0]).toMatchObject({ id: "profile-shape" });
  });

  it("no profile at all, unless every shape is fixed", () => {
    expect(profileProblems(model, [])).toMatchObject([{ id: "profile-missing", message: 'Of dynamic shape: "x", "mask"; no profile was given.' }]);
    expect(profileProblems(parseModel("model ir 8, ai.onnx 17\ngraph main(x: float32[1]) -> (y: float32[1]) {\n  y: float32[1] = Relu(x)\n}"), [])).toEqual([]);
  });

  it("says which of several", () => {
    expect(profileProblems(model, [good, { x: good.x! }])[0]!.message).toMatch(/^Profile 2 /);
  });
});

describe("profileFor", () => {
  it("makes shapes from sizes by symbol, and names what has none by input and axis", () => {
    expect(profileFor(model, { N: [1, 4, 8], H: [32, 64, 128], "x.3": [32, 64, 128] })).toEqual(good);
  });

  it("takes one number for a size that does not change", () => {
    expect(profileFor(model, { N: 2, H: 8, "x.3": 8 }).mask).toEqual(same(2, 1));
  });

  it.each([
    ["a symbol that no input has", { N: 1, H: 8, "x.3": 8, T: 1 }, "TRT_PROFILE_SYMBOL"],
    ["a missing size", { N: 1, H: 8 }, 'input "x" has the dimension "x.3"'],
    ["the wrong order", { N: [4, 2, 8] as const, H: 8, "x.3": 8 }, "min 4, opt 2, max 8"],
  ])("refuses %s", (_, sizes, message) => {
    expect(() => profileFor(model, sizes)).toThrow(message);
  });

  it("gives a profile without problems for any sizes in order", () => {
    const ordered = fc.array(fc.integer({ min: 1, max: 4096 }), { minLength: 3, maxLength: 3 }).map((a) => a.toSorted((p, q) => p - q) as unknown as [number, number, number]);
    fc.assert(fc.property(ordered, ordered, ordered, (N, H, W) => {
      expect(profileProblems(model, [profileFor(model, { N, H, "x.3": W })])).toEqual([]);
    }));
  });
});
