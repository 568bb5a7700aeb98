/** Property tests draw the same values on every run, so that a change is judged and not its luck; LATHE_FUZZ=1 draws new ones. */
import fc from "fast-check";

if (!process.env["LATHE_FUZZ"]) fc.configureGlobal({ seed: 20261124 });
