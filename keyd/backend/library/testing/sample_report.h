// What the sample key library has seen of its caller. For tests, which find `sample_keys_report` in the
// loaded library; keyd knows nothing of it.
#pragma once

struct SampleReport {
  unsigned null_buffers;      // NULL where a buffer is promised; such a call is also refused
  unsigned most_at_once;      // calls that were inside at the same time
  unsigned size_only_calls;   // with `out` NULL
  unsigned algorithm_bounds;  // size-only calls for the algorithm, which has one size
  unsigned operations;        // uses of a key that really took place
  char parameters[512];       // names given to set_parameter, in order, with a comma after each
};

extern "C" void sample_keys_report(SampleReport* report);
