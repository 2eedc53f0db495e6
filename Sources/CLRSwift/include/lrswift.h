/* The C ABI of lrswift.
 *
 * Every function that can fail returns an lrs_status; results leave through
 * pointers that come first. After a failure lrs_last_error() holds the message
 * of this thread, and nothing has been changed. Handles are incomplete structs:
 * whoever receives one destroys it; destructors accept NULL. No function traps,
 * throws or exits, and none but the end of memory given to lrs_tensor_share calls
 * back.
 *
 * Operations, update rules and rate adapters cross by name, with attributes as
 * (key, values) pairs; lrs_catalogue() describes them, so this header does not
 * grow with them.
 */
#ifndef LRSWIFT_H
#define LRSWIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lrs_tensor lrs_tensor;
typedef struct lrs_program lrs_program;
typedef struct lrs_optimizer lrs_optimizer;
typedef struct lrs_finder lrs_finder;
typedef struct lrs_search lrs_search;
typedef struct lrs_alrs lrs_alrs;
typedef struct lrs_episode lrs_episode;
typedef struct lrs_learner lrs_learner;
typedef struct lrs_machine lrs_machine;
typedef struct lrs_sweep lrs_sweep;

typedef int32_t lrs_status;
enum {
  LRS_OK = 0,
  LRS_VALUE_ERROR = 1,
  LRS_SHAPE_ERROR = 2,
  LRS_TYPE_ERROR = 3,
  LRS_RECORDING_ERROR = 4,
  LRS_DIVERGED = 5,
  LRS_MEMORY_ERROR = 6,
  LRS_INTERNAL_ERROR = 7,
  LRS_BUSY = 8 /* another thread works on what is asked for */
};

typedef int32_t lrs_dtype;
enum { LRS_FLOAT32 = 0, LRS_FLOAT64 = 1, LRS_INT64 = 2, LRS_UINT8 = 3, LRS_BOOL = 4 };

/* One named argument: numbers (integers, flags and lists included), a text, or a tensor. */
typedef struct {
  const char *key;
  const double *values; /* count numbers; NULL when text is given */
  size_t count;
  const char *text; /* NULL when numbers are given */
} lrs_attribute;

/* What a tensor is. Pointers stay valid as long as the tensor. */
typedef struct {
  lrs_dtype dtype;
  int32_t rank;
  const int64_t *shape;
  const int64_t *strides; /* in elements; NULL: row-major */
  int64_t size;
  bool requires_grad;
  bool is_leaf;
} lrs_description;

/* What an optimizer wants next, or that the step is done. */
enum {
  LRS_REQUEST_DONE = 0,
  LRS_REQUEST_LOSS = 1,
  LRS_REQUEST_GRADIENT = 2,  /* the loss and its gradients */
  LRS_REQUEST_CURVATURE = 3, /* the loss tensor of `begin`, for lrs_optimizer_answer_curvature */
  LRS_REQUEST_VALIDATION = 4 /* the loss of validation data and its gradients */
};

typedef struct {
  int32_t kind;     /* LRS_REQUEST_... */
  bool skipped;     /* no step was taken: loss or gradient not finite, or the step before undone */
  double rate;      /* mean rate taken */
  double low, high; /* smallest and largest rate taken */
} lrs_request;

/* What a rate machine has decided, or wants next. */
enum {
  LRS_DECISION_TAKE = 0, /* the step at `value` */
  LRS_DECISION_STAY = 1,
  LRS_DECISION_PROBE = 2,             /* the loss at theta - value d */
  LRS_DECISION_PROBE_GRADIENT = 3,    /* the same with <gradient there, d> */
  LRS_DECISION_MEASURE_CURVATURE = 4, /* d'Hd at theta */
  LRS_DECISION_PUT_BACK = 5           /* parameters and the direction's state as before the search; no step */
};

typedef struct {
  int32_t kind; /* LRS_DECISION_... */
  double value;
} lrs_decision;

/* What became of a derivative with respect to the rate. */
typedef struct {
  double derivative; /* as it counts: infinite where it was not finite, NaN where none counts */
  int32_t signal;    /* given to the search: +1 increase, -1 decrease, 0 within a window */
  bool starts_anew;  /* the next displacement is zero, the optimizer's state as at its first step */
} lrs_verdict;

/* Which parameters share a rate; what a guard does, and what it makes of a loss (copy before the step what a
 * bad one would change; go back to the copy; take no step); what a row of a history tells, and which limit
 * its rate stands at; where a search is; what an episode's batches are for. */
enum { LRS_SCOPE_ALL = 0, LRS_SCOPE_GROUP = 1, LRS_SCOPE_TENSOR = 2, LRS_SCOPE_POOLED = 3 };
enum { LRS_GUARD_OFF = 0, LRS_GUARD_DETECT = 1, LRS_GUARD_ROLL_BACK = 2 };
enum { LRS_JUDGEMENT_GO = 0, LRS_JUDGEMENT_KEEP = 1, LRS_JUDGEMENT_UNDO = 2, LRS_JUDGEMENT_SKIP = 3 };
enum { LRS_OUTCOME_TAKEN = 0, LRS_OUTCOME_STAYED = 1, LRS_OUTCOME_SKIPPED = 2, LRS_OUTCOME_UNDONE = 3 };
enum { LRS_BOUND_LOWEST = -1, LRS_BOUND_NONE = 0, LRS_BOUND_HIGHEST = 1 };
enum { LRS_SEARCH_PHASE_BISECTION = 0, LRS_SEARCH_PHASE_FINE = 1, LRS_SEARCH_PHASE_DONE = 2 };
enum {
  LRS_EPISODE_PHASE_TRAIN = 0,
  LRS_EPISODE_PHASE_VALIDATE = 1,
  LRS_EPISODE_PHASE_RETREAT = 2,
  LRS_EPISODE_PHASE_REPLAY = 3
};

/* ---- library ---- */
const char *lrs_last_error(void);
/* The step that this thread's last failure names (LRS_DIVERGED): the one that could not be taken, counted
 * from 0; -1 where it names none. */
int64_t lrs_last_step(void);
const char *lrs_version(void);
/* kind: "operations", "directions", "rates", "schedules", "enumerations" (name: {case: number}, those above),
 * "config"; a JSON text, valid until this thread's next call. */
lrs_status lrs_catalogue(const char **out, const char *kind);
/* How long a kernel takes by itself, and its floating-point operations. what: "multiply_adds" (rounds) from
 * registers, or "gemm" (kernels, m, n, k, transpose_a, transpose_b, accumulate, repeats); double: true
 * is float64, processor: true counts processor time. */
lrs_status lrs_measure(double *seconds, double *operations, const char *what, const lrs_attribute *attributes,
                       size_t attribute_count);
lrs_status lrs_set_threads(int32_t count);
int32_t lrs_get_threads(void);
/* Bytes that tensors and operations hold now, and at most since the last reset. */
void lrs_memory(int64_t *now, int64_t *peak, bool reset);
/* For tests of what happens without memory. Of the allocations from now on, those of tensors and of
 * operations (small: false) or those of objects and lists (small: true), `count` are refused from number
 * `first` on, counted from 1; first 0: none. Returns how many were asked for since the last call that refused
 * any. */
int64_t lrs_refuse_memory(bool small, int64_t first, int64_t count);
/* 1 in the process that loaded the library, one more in every child that is forked off. */
int32_t lrs_process_number(void);
/* Modes and the random state are per thread. */
bool lrs_set_grad_enabled(bool enabled);
bool lrs_get_grad_enabled(void);
void lrs_random_set(uint64_t seed, uint64_t offset);
void lrs_random_get(uint64_t *seed, uint64_t *offset);

/* ---- tensors ---- */
/* Copies size elements from data; NULL data gives zeros. */
lrs_status lrs_tensor_create(lrs_tensor **out, lrs_dtype dtype, int32_t rank, const int64_t *shape,
                             const void *data, bool requires_grad);
/* A tensor on size elements of the caller's memory, row-major and aligned to the element. It reads and
 * writes them where they are. When no tensor uses them any more, release(context) is called once, on
 * whichever thread that happens; it may take locks and must not call this library. If this function
 * fails, release is never called and the memory stays the caller's. */
lrs_status lrs_tensor_share(lrs_tensor **out, lrs_dtype dtype, int32_t rank, const int64_t *shape, void *data,
                            void (*release)(void *context), void *context);
void lrs_tensor_destroy(lrs_tensor *tensor);
lrs_status lrs_tensor_describe(lrs_description *out, const lrs_tensor *tensor);
/* -1 for NULL. */
lrs_dtype lrs_tensor_dtype(const lrs_tensor *tensor);
/* The first element; the others lie as the description says. Fails while recording if the value depends on
 * the recorded inputs. */
lrs_status lrs_tensor_data(void **out, lrs_tensor *tensor);
/* Says that someone who has the data may write to it, until it is said that nobody does; as often as it was
 * said. In between, what a graph was computed from is compared by its contents. */
lrs_status lrs_tensor_lend(lrs_tensor *tensor);
void lrs_tensor_take_back(lrs_tensor *tensor);
lrs_status lrs_tensor_detach(lrs_tensor **out, lrs_tensor *tensor);         /* shares the data */
lrs_status lrs_tensor_assign(lrs_tensor *tensor, const lrs_tensor *source); /* same shape and dtype */
lrs_status lrs_tensor_set_requires_grad(lrs_tensor *tensor, bool requires_grad);
/* *out is NULL when there is no gradient. */
lrs_status lrs_tensor_get_grad(lrs_tensor **out, lrs_tensor *tensor);
lrs_status lrs_tensor_set_grad(lrs_tensor *tensor, lrs_tensor *gradient); /* NULL clears */

/* ---- operations and derivatives ---- */
lrs_status lrs_apply(lrs_tensor **out, const char *operation, lrs_tensor *const *inputs, size_t input_count,
                     const lrs_attribute *attributes, size_t attribute_count);
/* The number of an operation, the same as long as the process lives; and the operation of a number. */
lrs_status lrs_operation_number(int32_t *out, const char *operation);
lrs_status lrs_apply_number(lrs_tensor **out, int32_t operation, lrs_tensor *const *inputs,
                            size_t input_count, const lrs_attribute *attributes, size_t attribute_count);
/* Adds to the grad of every leaf. seed: NULL for a scalar. */
lrs_status lrs_backward(lrs_tensor *output, lrs_tensor *seed);
/* outs[i]: gradient of output with respect to with_respect_to[i]; NULL where it does not depend on it. */
lrs_status lrs_gradients(lrs_tensor **outs, lrs_tensor *output, lrs_tensor *seed,
                         lrs_tensor *const *with_respect_to, size_t count);
/* tangents[i]: [K, *inputs[i].shape]; *out: [K, *output.shape]. */
lrs_status lrs_jvp(lrs_tensor **out, lrs_tensor *output, lrs_tensor *const *inputs,
                   lrs_tensor *const *tangents, size_t count);
/* Hessian of the scalar output times K stacked vectors; shapes as in lrs_jvp. */
lrs_status lrs_hvp(lrs_tensor **outs, lrs_tensor *output, lrs_tensor *const *inputs,
                   lrs_tensor *const *vectors, size_t count);

/* ---- threads ----
 * Tensors may be shared by threads. Sweeps (the functions above) of graphs with common tensors wait for each
 * other; nothing else waits. What would touch gradients, values or flags of a tensor that a sweep or a run of
 * another thread works on is LRS_BUSY and has done nothing. lrs_wait_for_sweeps: after LRS_BUSY, until a
 * sweep of another thread has ended, for some seconds at most; true where it is worth asking again. Who holds
 * a lock that other threads need to end a sweep (Python's) lets go of it before. Programs, optimizers and all
 * other handles are used by one thread at a time. */
bool lrs_wait_for_sweeps(double seconds);

/* A sweep in portions, for callers that look at signals in between. kind: "backward" (seed), "gradients"
 * (seed, inputs), "jvp", "hvp" (inputs, directions): as the function of this name. Not for two threads at
 * once. */
lrs_status lrs_sweep_create(lrs_sweep **out, const char *kind, lrs_tensor *output, lrs_tensor *seed,
                            lrs_tensor *const *inputs, lrs_tensor *const *directions, size_t count);
/* Goes on for about so many seconds, one operation at least, or waits as long for other threads. */
lrs_status lrs_sweep_run(bool *done, lrs_sweep *sweep, double seconds);
/* After it is done: what the function writes to outs; none for "backward". */
lrs_status lrs_sweep_found(lrs_tensor **outs, size_t count, lrs_sweep *sweep);
/* Before it is done: nothing has changed. */
void lrs_sweep_destroy(lrs_sweep *sweep);

/* ---- programs: a recorded loss, replayed on other batches ---- */
lrs_status lrs_record_begin(lrs_tensor *const *inputs, size_t count);
/* Ends the recording; outputs[0] is the loss, the others are kept for reading. */
lrs_status lrs_record_end(lrs_program **out, lrs_tensor *const *outputs, size_t count);
void lrs_record_abort(void);
void lrs_program_destroy(lrs_program *program);
/* Runs up to step_count steps of optimizer on batches of rows of data[i] named by indices
 * [step_count, batch], until seconds have passed. losses: [step_count]; rates: [step_count, 3]
 * (mean, low, high). optimizer NULL: forward only. steps_done counts whole steps. */
lrs_status lrs_program_run(size_t *steps_done, double *losses, double *rates, lrs_program *program,
                           lrs_optimizer *optimizer, lrs_tensor *const *data, size_t data_count,
                           const int64_t *indices, size_t step_count, size_t batch, double seconds);

/* ---- optimizers: a direction and a rate ---- */
lrs_status lrs_optimizer_create(lrs_optimizer **out, const char *direction,
                                const lrs_attribute *direction_attributes, size_t direction_count,
                                const char *rate, const lrs_attribute *rate_attributes, size_t rate_count);
void lrs_optimizer_destroy(lrs_optimizer *optimizer);
/* attributes override the direction's for this group ("lr" overrides a constant rate). */
lrs_status lrs_optimizer_add_group(lrs_optimizer *optimizer, lrs_tensor *const *parameters,
                                   const char *const *names, size_t count, const lrs_attribute *attributes,
                                   size_t attribute_count);
/* A step on the gradients that the parameters hold: begin, then answer until LRS_REQUEST_DONE. */
lrs_status lrs_optimizer_begin(lrs_request *out, lrs_optimizer *optimizer, double loss, bool may_probe);
lrs_status lrs_optimizer_answer(lrs_request *out, lrs_optimizer *optimizer, double loss);
lrs_status lrs_optimizer_answer_curvature(lrs_request *out, lrs_optimizer *optimizer, lrs_tensor *loss);
/* Between begin and done: puts parameters and state back as they were before begin. */
void lrs_optimizer_abort(lrs_optimizer *optimizer);
/* begins: from now on, until the call with false, other threads get LRS_BUSY for the parameters, as during a
 * run; LRS_BUSY where they work on them already. Calls may be nested. */
lrs_status lrs_optimizer_hold(lrs_optimizer *optimizer, bool begins);
lrs_status lrs_optimizer_zero_grad(lrs_optimizer *optimizer);
/* rates: one per parameter, in the order they were added. */
lrs_status lrs_optimizer_rates(double *rates, size_t count, lrs_optimizer *optimizer);
/* key: "step", "skipped_steps", "max_skipped", "steps_per_epoch", "scope", "probes", "guard", "explode",
 * "guard_buffers" (how many), "rollbacks", "rate_scale" (the guard's factor of all rates) */
lrs_status lrs_optimizer_get(double *out, lrs_optimizer *optimizer, const char *key);
lrs_status lrs_optimizer_set(lrs_optimizer *optimizer, const char *key, double value);
/* Safe steps: LRS_GUARD_DETECT refuses exploding losses and values that are not finite (LRS_DIVERGED),
 * LRS_GUARD_ROLL_BACK undoes the step that led there. explode: above 1. buffers: what else a step changes and
 * is put back with the parameters. */
lrs_status lrs_optimizer_guard(lrs_optimizer *optimizer, int32_t mode, double explode,
                               lrs_tensor *const *buffers, size_t count);
/* Keeps the last `capacity` decisions of the rate with their inputs; 0 stops. */
lrs_status lrs_optimizer_record(lrs_optimizer *optimizer, int32_t capacity);
/* What was kept: float64 [rows, fields], oldest first; *fields is their names, separated by commas. */
lrs_status lrs_optimizer_history(lrs_tensor **out, const char **fields, lrs_optimizer *optimizer);
/* The rates that another method would have taken on such a history: float64 [rows]. */
lrs_status lrs_replay(lrs_tensor **out, const char *rate, const lrs_attribute *attributes,
                      size_t attribute_count, lrs_tensor *history, int32_t machine);
/* The state as a flat list of named tensors; *name is NULL past the end. */
lrs_status lrs_optimizer_state(lrs_tensor **out, const char **name, lrs_optimizer *optimizer, size_t index);
lrs_status lrs_optimizer_load(lrs_optimizer *optimizer, const char *const *names, lrs_tensor *const *values,
                              size_t count);

/* ---- rates alone, for loops whose vectors live elsewhere ---- */
lrs_status lrs_machine_create(lrs_machine **out, const char *rate, const lrs_attribute *attributes,
                              size_t count);
void lrs_machine_destroy(lrs_machine *machine);
/* Another machine in the same state; a step in progress is not copied. */
lrs_status lrs_machine_clone(lrs_machine **out, const lrs_machine *machine);
/* LRS_OK if a step with this loss may be taken at all; nothing changes. */
lrs_status lrs_machine_check(const lrs_machine *machine, double loss);
/* A step: begin with its numbers, then answer until LRS_DECISION_TAKE or _STAY. numbers, by name: loss
 * (finite), precision, slope, smoothed_slope, gradient_norm2 (finite), steps_per_epoch; where it uses them
 * window_dot, window_norm2 (at the end of a window), previous_dot, previous_gradient_norm2,
 * previous_direction_norm2, change_dot, change_norm2, previous_rate (from the second step on),
 * travelled2, start_dot, start2. answers: loss, slope (with the gradient) or curvature. */
lrs_status lrs_machine_begin(lrs_decision *out, lrs_machine *machine, const lrs_attribute *numbers,
                             size_t count);
lrs_status lrs_machine_answer(lrs_decision *out, lrs_machine *machine, const lrs_attribute *numbers,
                              size_t count);
void lrs_machine_abort(lrs_machine *machine); /* forgets a step in progress */
/* The numbers of one pass of a whole method over its vectors; what each means is the method's own. */
typedef struct {
  double rate, scale, weight, memory;
} lrs_pass;
/* A step of a whole method ("is_method"): the numbers of its first pass, from those of lrs_machine_begin and
 * of the direction: adaptive (it keeps squares), beta1, beta2, has_coupled_decay, factor (what a schedule
 * multiplies the rate by). goes false: the step leaves everything as it is, and is over. */
lrs_status lrs_machine_prepare(lrs_pass *out, bool *goes, lrs_machine *machine, const lrs_attribute *numbers,
                               size_t count);
/* sums of the first pass, by name: first, second, third; 0 where left out. LRS_DECISION_TAKE with the rate,
 * and the numbers of the second pass; or LRS_DECISION_STAY. */
lrs_status lrs_machine_conclude(lrs_decision *out, lrs_pass *second, lrs_machine *machine,
                                const lrs_attribute *sums, size_t count);
/* key: "probes", "needs_loss", "uses_window", "uses_previous", "uses_previous_gradient", "uses_start",
 * "uses_epoch", "is_method", "averages_points" (a method with a point to evaluate), "interpolation" (between
 * its two points), "scope", "initial_rate", "window" (in steps); of a guard: "guard" (its mode),
 * "guard_limit", "guard_in_a_row", "rollbacks", "rate_scale" (which multiplies every rate) */
lrs_status lrs_machine_get(double *out, const lrs_machine *machine, const char *key);
/* key: "finish" (steps over which the rate falls to 0 from here), "undone" (what came of a judgement: 0, a
 * step was taken; 1, one was undone) */
lrs_status lrs_machine_set(lrs_machine *machine, const char *key, double value);
/* A guard whose copies are the caller's. explode: above 1; every: so many steps share a copy. */
lrs_status lrs_machine_guard(lrs_machine *machine, int32_t mode, double explode, double every);
/* LRS_JUDGEMENT_... of the loss that a step would begin with. numbers, by name: loss, finite, step, skipped
 * (steps in a row that were not finite); copied, the step of the copy that there is. */
lrs_status lrs_machine_judge(int32_t *out, lrs_machine *machine, const lrs_attribute *numbers, size_t count);
/* What its schedule multiplies rates by after `step` steps; 1 without one. */
lrs_status lrs_machine_factor(double *out, const lrs_machine *machine, double step);
/* The state, number by number, a guard's with it; *name is NULL past the end. */
lrs_status lrs_machine_state(double *out, const char **name, const lrs_machine *machine, size_t index);
lrs_status lrs_machine_load(lrs_machine *machine, const lrs_attribute *state, size_t count);

/* ---- vectors that live elsewhere: float32 or float64, row-major, aligned to their elements ---- */
/* dtype is that of all of them. They are the caller's, who vouches that `bytes` from `values` on are theirs;
 * those of one parameter must all be of one length, which is checked before anything is read or written. */
typedef struct {
  void *values; /* NULL where bytes is 0 */
  int64_t bytes;
} lrs_vector;
typedef struct {
  lrs_vector a, b; /* only read */
} lrs_pair;
/* One parameter. gradient is only read; of the state what the direction keeps is looked at, up to two
 * vectors. */
typedef struct {
  lrs_vector parameter, gradient, state0, state1, direction;
} lrs_vectors;
/* out[i] = <a, b> of pair i, summed in double precision. */
lrs_status lrs_vectors_products(double *out, lrs_dtype dtype, const lrs_pair *pairs, size_t count);
/* Writes the direction of step `step`, counted from 1, and the new state; the parameter is only read.
 * sums[2 i] = <gradient, direction>, sums[2 i + 1] = <the direction's average of the gradient, direction>. */
lrs_status lrs_vectors_direction(double *sums, const char *direction, const lrs_attribute *attributes,
                                 size_t attribute_count, double step, lrs_dtype dtype,
                                 const lrs_vectors *vectors, size_t count);
/* What state0 after step `step` is multiplied by to be the direction's average of the gradient, without bias;
 * 0 where that average is the gradient itself. */
lrs_status lrs_vectors_smoothing(double *factor, const char *direction, const lrs_attribute *attributes,
                                 size_t attribute_count, double step);
/* parameter -= rate direction; gradient and state are not looked at. */
lrs_status lrs_vectors_move(lrs_dtype dtype, const lrs_vectors *vectors, size_t count, double rate);

/* One parameter of a whole method; state of 0 bytes from the method's number of vectors on. */
typedef struct {
  lrs_vector parameter, gradient, state0, state1, state2, state3;
} lrs_places;
/* One pass of the rate's method over the direction at step `step`, counted from 1: the first writes the state
 * and its sums, three, over all places; the second moves the parameters, and its sums are 0. Methods of one
 * pass move them in the first. */
lrs_status lrs_vectors_pass(double *sums, const char *rate, const char *direction,
                            const lrs_attribute *attributes, size_t attribute_count, double step,
                            lrs_dtype dtype, bool second, const lrs_pass *pass, const lrs_places *places,
                            size_t count);

/* ---- finding an initial rate (ALRS) ---- */
lrs_status lrs_search_create(lrs_search **out, const lrs_attribute *attributes, size_t count);
void lrs_search_destroy(lrs_search *search);
lrs_status lrs_search_signal(lrs_search *search, int32_t direction); /* +1 increase, -1 decrease */
/* key: "value", "done", "signals", "phase", "lower", "upper"; with the rule "trials": "value", "done",
 * "found" (the rate, at the end), "reliable" (whether the losses could tell), "position" (which of the
 * "length" batches of a trial comes next) */
lrs_status lrs_search_get(double *out, lrs_search *search, const char *key);
/* Of a search made with given=1, which is done at every signal (get "asked") until another search has said
 * its value. */
lrs_status lrs_search_go_on(lrs_search *search, double value, bool done);
/* ALRS for loops whose vectors live elsewhere: what it makes of <gradient at theta + A, A>, batch by batch,
 * with A = -value d of the batch before and 0 at first. Not finite: the loss, the gradient or A was not.
 * attributes: "window" (derivatives per signal), "rule" ("signs", the paper's), "accumulate" (the A-reset
 * reading), "count_first_zero", "restart" (factor of the value after which all starts anew). With the rule
 * "trials", and "rows" of a batch, alone: A is the sum of the steps since it was 0, and losses are compared;
 * whenever all starts anew, the batches do, too. loss: at theta + A; signs want none. */
lrs_status lrs_alrs_create(lrs_alrs **out, lrs_search *search, const lrs_attribute *attributes, size_t count);
void lrs_alrs_destroy(lrs_alrs *alrs);
/* With the rule "trials", once, with the first batch: |g|^2, <g, d>, |d|^2 and the number of entries; where
 * it is not called, losses alone decide. */
lrs_status lrs_alrs_see(lrs_alrs *alrs, double gradient2, double slope, double direction2, double entries);
lrs_status lrs_alrs_observe(lrs_verdict *out, lrs_alrs *alrs, double derivative, double loss);
/* The optimizer supplies the direction; its rate is ignored. attributes: as lrs_alrs_create. */
lrs_status lrs_finder_create(lrs_finder **out, lrs_optimizer *optimizer, lrs_search *search,
                             const lrs_attribute *attributes, size_t count);
void lrs_finder_destroy(lrs_finder *finder); /* puts the parameters back */
/* One batch by hand: displace the parameters, evaluate loss and gradients, observe. */
lrs_status lrs_finder_displace(lrs_finder *finder);
lrs_status lrs_finder_observe(double *gradient, lrs_finder *finder, double loss);
/* As lrs_program_run; gradients and values: [step_count], the LR gradient and the rate in use. */
lrs_status lrs_finder_run(size_t *steps_done, double *gradients, double *values, lrs_finder *finder,
                          lrs_program *program, lrs_tensor *const *data, size_t data_count,
                          const int64_t *indices, size_t step_count, size_t batch, double seconds);

/* ---- training runs differentiated by their hyperparameters (FDS) ---- */
/* attributes: "optimizer" (a direction, or one of its variants: catalogue "directions"), "mode" (forward,
 * reverse, plain: training alone, auto: forward or reverse by predicted cost), "steps",
 * "horizon" (steps between two collects; "steps"), "memory" (bytes for the snapshots of reverse mode; no
 * bound), "scalars" (how many values each of the last parameters has, which are numbers that the training
 * loss reads and not trained) and "scalar_values" (theirs, in a row), a list of values for each family that
 * the direction's arguments name, under the names of the catalogue "hyperparameters" (value floor(n t /
 * steps) is in force at step t), "columns" (those to differentiate by, numbered through the lists in this
 * catalogue's order; all), "tile", "clip_gradient", "clip_hvp". The parameters, and a state of zeros, are
 * where the run begins. */
lrs_status lrs_episode_create(lrs_episode **out, lrs_tensor *const *parameters, size_t count,
                              const lrs_attribute *attributes, size_t attribute_count);
void lrs_episode_destroy(lrs_episode *episode);
/* As lrs_program_run. phase: train, validate at the current point, or (reverse mode, after collect) retreat
 * over the steps since the last collect, batches in reverse order, and replay, batches in order, where
 * lrs_episode_stretch says so. A replayed loss that is not the first one's to the bit is an error. */
lrs_status lrs_episode_run(size_t *steps_done, double *losses, lrs_episode *episode, lrs_program *program,
                           lrs_tensor *const *data, size_t data_count, const int64_t *indices,
                           size_t step_count, size_t batch, double seconds, int32_t phase);
/* Ends a horizon at the current point with the validation batches since the last one; their mean loss. */
lrs_status lrs_episode_collect(double *valid_loss, lrs_episode *episode);
/* What comes next on the way back: steps *low to *high - 1 to replay, or to retreat over, the last one first;
 * phase train where there is no way back. */
lrs_status lrs_episode_stretch(int32_t *phase, size_t *low, size_t *high, lrs_episode *episode);
/* key: "reverse" (the mode that was chosen; 0 or 1), "cost" (of a step in plain steps, as predicted),
 * "replays" (steps that are taken more than once). */
lrs_status lrs_episode_get(double *out, lrs_episode *episode, const char *key);
/* Between two runs of it, not between validate and collect: all that the episode has made, as uint8 [n], from
 * which an episode of the same parameters and attributes goes on to the same bits. After an error of load it
 * is of no further use. */
lrs_status lrs_episode_save(lrs_tensor **out, lrs_episode *episode);
lrs_status lrs_episode_load(lrs_episode *episode, lrs_tensor *bytes);
/* Where the snapshot after the one at the first of so many points of a run is best taken, counted from there,
 * when as many may be kept at the same time and all points are to be visited backwards. */
lrs_status lrs_replay_distance(size_t *out, size_t snapshots, size_t points);
/* Sums over all horizons so far, one for each value of the lists. */
lrs_status lrs_episode_hypergradients(double *out, size_t count, lrs_episode *episode);
/* Derivatives by a factor on each parameter's values at the start, once reverse mode has gone back to it;
 * else NaN. */
lrs_status lrs_episode_scales(double *out, size_t count, lrs_episode *episode);

/* ---- learning a schedule from hypergradients (FDS): the outer loop ---- */
/* attributes: "update" (gated, sign, gradient), "counts" [rates, momenta, decays], "initial", "step_size" and
 * "windows" [N], and the numbers of its card. */
lrs_status lrs_learner_create(lrs_learner **out, const lrs_attribute *attributes, size_t count);
void lrs_learner_destroy(lrs_learner *learner);
/* One outer step with the present values. attributes: "losses" [seeds], "hypergradients" [seeds x N];
 * "whole" (1): not a shorter run, so that its losses compare with others'. */
lrs_status lrs_learner_observe(lrs_learner *learner, const lrs_attribute *attributes, size_t count);
/* float64 [n]; key: "values", "steps", "best_values", "best_loss", "signals", "sensitivities", "observed",
 * "converged", "retreated", "state" */
lrs_status lrs_learner_get(lrs_tensor **out, lrs_learner *learner, const char *key);
/* attributes: "state", as lrs_learner_get gave it. */
lrs_status lrs_learner_load(lrs_learner *learner, const lrs_attribute *attributes, size_t count);
/* The last word: candidates validated on fresh networks, the same for all. A network whose training losses
 * peaked late is penalized: what is added to its loss. attributes: "train_losses" (of each step),
 * "valid_loss". */
lrs_status lrs_finalists_penalty(double *out, const lrs_attribute *attributes, size_t count);
/* scores: float64 [candidates], mean plus standard error, infinite where a run diverged; best: the candidate
 * of the lowest, -1 where none is finite. attributes: "losses" and "penalties" [candidates x networks],
 * "networks". */
lrs_status lrs_finalists_judge(lrs_tensor **scores, int64_t *best, const lrs_attribute *attributes,
                               size_t count);

#ifdef __cplusplus
}
#endif
#endif
