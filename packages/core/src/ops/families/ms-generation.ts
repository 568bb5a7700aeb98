/** ONNX Runtime: text generation loops. */
import { msOp } from "../define.ts";
import type { OpDef } from "../op.ts";
import { inferSearch } from "../rules/ms-other.ts";
import { sameAs } from "../shape.ts";

export const msGenerationOps: readonly OpDef[] = [
  msOp({
    name: "BeamSearch",
    since: {
      1: "input_ids:F max_length:I min_length:I? num_beams:I num_return_sequences:I length_penalty:T? repetition_penalty:T? vocab_mask:M? prefix_vocab_mask:M? attention_mask:I? decoder_input_ids:I? logits_processor:I? -> sequences:I sequences_scores:T? scores:T? | vocab_size:int=-1 decoder:graph! init_decoder:graph encoder:graph model_type:int=0 no_repeat_ngram_size:int=0 decoder_start_token_id:int=-1 early_stopping:int=0 pad_token_id:int! eos_token_id:int! | F: float16 float32 int32; I: int32; T: float16 float32; M: int32",
    },
    infer: inferSearch(4),
  }),
  msOp({
    name: "WhisperBeamSearch",
    since: {
      1: "input_ids:F max_length:I min_length:I? num_beams:I num_return_sequences:I length_penalty:T? repetition_penalty:T? vocab_mask:M? prefix_vocab_mask:M? attention_mask:I? decoder_input_ids:I? logits_processor:I? cross_qk_layer_head:I? extra_decoding_ids:I? temperature:T? -> sequences:I sequences_scores:T? scores:T? cross_qk:V? non_speech_probs:T? | decoder_output_cross_qk:int vocab_size:int=-1 decoder:graph! init_decoder:graph eos_token_id:int! pad_token_id:int! early_stopping:int=0 translate_token_id:int no_speech_token_id:int transcribe_token_id:int start_of_lm_token_id:int no_timestamps_token_id:int beginning_timestamp_token_id:int no_repeat_ngram_size:int=0 model_type:int=2 decoder_start_token_id:int=-1 encoder:graph | F: float16 float32 int32; I: int32; T: float16 float32; M: int32; V: float32",
    },
    infer: inferSearch(4),
  }),
  msOp({
    name: "GreedySearch",
    since: {
      1: "input_ids:I max_length:I min_length:I? repetition_penalty:T? vocab_mask:I? prefix_vocab_mask:I? attention_mask:I? -> sequences:I | vocab_size:int=-1 decoder:graph! init_decoder:graph encoder:graph model_type:int=0 no_repeat_ngram_size:int=0 decoder_start_token_id:int=-1 pad_token_id:int! eos_token_id:int! | I: int32; T: float32",
    },
    infer: inferSearch(undefined),
  }),
  msOp({
    name: "Sampling",
    since: {
      1: "input_ids:I max_length:I min_length:I? repetition_penalty:T? vocab_mask:I? prefix_vocab_mask:I? attention_mask:I? presence_mask:I? seed:I? -> sequences:I filtered_logits:T? | vocab_size:int=-1 decoder:graph! pad_token_id:int! min_tokens_to_keep:int=0 no_repeat_ngram_size:int=0 temperature:float=1 eos_token_id:int! init_decoder:graph filter_value:float=-100000000000000000000 custom:int=0 presence_penalty:float=0 model_type:int=0 decoder_start_token_id:int=-1 top_p:float=0 encoder:graph | I: int32; T: float32",
    },
    infer: inferSearch(undefined),
  }),
  msOp({
    name: "BifurcationDetector",
    since: {
      1: "src_tokens:T cur_tokens:T prev_suffix_match_idx:T pred_tokens:T? -> tokens:T suffix_match_idx:T | max_ngram_size:int=3 min_ngram_size:int=1 | T: int64",
    },
  }),
  msOp({
    name: "NGramRepeatBlock",
    since: { 1: "input_ids:Tid scores:T -> scores_out:T | ngram_size:int! | Tid: int64; T: float32" },
    infer: sameAs(1),
  }),
  msOp({
    name: "NGramHashMapping",
    since: {
      1: "input_ids:M multipliers:M vocab_sizes:M past_ids:M? -> hash_ids:M present_ids:M? | pad_id:int! n_head_per_ngram:int! max_ngram_size:int! | M: int32 int64",
    },
  }),
];
