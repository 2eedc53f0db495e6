/* Every function of the C ABI, with arguments that are right, missing, of another size or absurd.
 *
 *     make sanitize-abi
 *
 * Built with AddressSanitizer and UndefinedBehaviorSanitizer against a library that is, too: a wrong access
 * ends the program. NULL is given where the header speaks of it, and for handles; what the header asks of the
 * caller (pointers to as many elements as are counted) is kept.
 */
#define _POSIX_C_SOURCE 200809L
#include "lrswift.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int calls, refusals, wrong;

/* Counts a call; a refusal must have a message. */
static lrs_status told(lrs_status status, int line) {
  calls++;
  if (status == LRS_OK) return status;
  refusals++;
  if (status < 0 || status >= LRS_INTERNAL_ERROR || !*lrs_last_error()) {
    printf("line %d: status %d, \"%s\"\n", line, status, lrs_last_error());
    wrong++;
  }
  return status;
}
#define CALL(call) told(call, __LINE__)
#define MUST(call)                                                                                           \
  do {                                                                                                       \
    if (CALL(call) != LRS_OK) {                                                                              \
      printf("line %d: refused: %s\n", __LINE__, lrs_last_error());                                          \
      wrong++;                                                                                               \
    }                                                                                                        \
  } while (0)
#define REFUSE(call)                                                                                         \
  do {                                                                                                       \
    if (CALL(call) == LRS_OK) {                                                                              \
      printf("line %d: taken: %s\n", __LINE__, #call);                                                       \
      wrong++;                                                                                               \
    }                                                                                                        \
  } while (0)

static lrs_attribute number(const char *key, const double *value) {
  return (lrs_attribute){.key = key, .values = value, .count = 1};
}
static lrs_attribute text(const char *key, const char *value) {
  return (lrs_attribute){.key = key, .text = value};
}

static lrs_tensor *tensor(lrs_dtype dtype, int64_t rows, int64_t columns, bool requires_grad) {
  lrs_tensor *made = NULL;
  MUST(lrs_tensor_create(&made, dtype, 2, (int64_t[]){rows, columns}, NULL, requires_grad));
  return made;
}

static const double absurd[] = {-1, 0.5, 1e18, 1e300, -9.3e18, NAN, INFINITY};
#define ABSURD (sizeof absurd / sizeof *absurd)

static void library(void) {
  const char *json = NULL;
  static const char *kinds[] = {"operations",   "directions", "rates",          "schedules",
                                "enumerations", "config",     "hyperparameters"};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    MUST(lrs_catalogue(&json, kinds[i]));
  REFUSE(lrs_catalogue(&json, "nothing"));
  REFUSE(lrs_catalogue(&json, ""));
  double seconds, operations, rounds = 1000;
  lrs_attribute attribute = number("rounds", &rounds);
  MUST(lrs_measure(&seconds, &operations, "multiply_adds", &attribute, 1));
  REFUSE(lrs_measure(&seconds, &operations, "nothing", &attribute, 1));
  REFUSE(lrs_measure(&seconds, &operations, "gemm", NULL, 0));
  int32_t threads = lrs_get_threads();
  REFUSE(lrs_set_threads(0));
  REFUSE(lrs_set_threads(-5));
  MUST(lrs_set_threads(2));
  MUST(lrs_set_threads(threads));
  int64_t now, peak;
  lrs_memory(&now, &peak, true);
  bool before = lrs_set_grad_enabled(false);
  lrs_get_grad_enabled();
  lrs_set_grad_enabled(before);
  uint64_t seed, offset;
  lrs_random_set(UINT64_MAX, UINT64_MAX);
  lrs_random_get(&seed, &offset);
  lrs_random_set(1, 0);
  if (!*lrs_version()) wrong++;
  lrs_last_step();
}

static int released;
static void release(void *context) { released += *(int *)context; }

static void tensors(void) {
  lrs_tensor *t = NULL, *other = NULL;
  int64_t shape[] = {3, 4};
  REFUSE(lrs_tensor_create(&t, 77, 2, shape, NULL, false));
  REFUSE(lrs_tensor_create(&t, -1, 2, shape, NULL, false));
  REFUSE(lrs_tensor_create(&t, LRS_FLOAT32, 2, (int64_t[]){-1, 4}, NULL, false));
  REFUSE(lrs_tensor_create(&t, LRS_FLOAT32, 2, (int64_t[]){INT64_MAX, INT64_MAX}, NULL, false));
  REFUSE(lrs_tensor_create(&t, LRS_FLOAT32, -1, shape, NULL, false));
  REFUSE(lrs_tensor_create(&t, LRS_INT64, 2, shape, NULL, true));
  MUST(lrs_tensor_create(&t, LRS_FLOAT64, 0, NULL, NULL, false));
  lrs_tensor_destroy(t);
  MUST(lrs_tensor_create(&t, LRS_UINT8, 1, (int64_t[]){0}, NULL, false));
  lrs_tensor_destroy(t);
  lrs_tensor_destroy(NULL);

  int one = 1;
  float *memory = calloc(12, sizeof *memory);
  MUST(lrs_tensor_share(&t, LRS_FLOAT32, 2, shape, memory, release, &one));
  MUST(lrs_tensor_detach(&other, t));
  lrs_tensor_destroy(t);
  lrs_tensor_destroy(other);
  if (released != 1) printf("released %d times\n", released), wrong++;
  REFUSE(lrs_tensor_share(&t, LRS_FLOAT32, 2, shape, (char *)memory + 1, release, &one));
  REFUSE(lrs_tensor_share(&t, 9, 2, shape, memory, release, &one));
  free(memory);

  lrs_description told_of;
  void *data;
  t = tensor(LRS_FLOAT32, 3, 4, true), other = tensor(LRS_FLOAT32, 4, 3, false);
  MUST(lrs_tensor_describe(&told_of, t));
  if (told_of.size != 12 || told_of.rank != 2 || !told_of.is_leaf) wrong++;
  MUST(lrs_tensor_data(&data, t));
  memset(data, 0, 12 * sizeof(float));
  REFUSE(lrs_tensor_assign(t, other));
  REFUSE(lrs_tensor_set_grad(t, other));
  lrs_tensor *integers = tensor(LRS_INT64, 3, 4, false), *gradient = NULL;
  REFUSE(lrs_tensor_assign(t, integers));
  REFUSE(lrs_tensor_set_grad(t, integers));
  REFUSE(lrs_tensor_set_requires_grad(integers, true));
  MUST(lrs_tensor_set_requires_grad(t, false));
  MUST(lrs_tensor_set_requires_grad(t, true));
  MUST(lrs_tensor_assign(t, t));
  MUST(lrs_tensor_get_grad(&gradient, t));
  if (gradient) wrong++;
  lrs_tensor *ones = tensor(LRS_FLOAT32, 3, 4, false);
  MUST(lrs_tensor_set_grad(t, ones));
  MUST(lrs_tensor_get_grad(&gradient, t));
  lrs_tensor_destroy(gradient);
  MUST(lrs_tensor_set_grad(t, NULL));
  lrs_tensor_destroy(t), lrs_tensor_destroy(other), lrs_tensor_destroy(integers), lrs_tensor_destroy(ones);
}

/* Each operation by name, with none to four inputs of several shapes and dtypes and absurd attributes. */
static void operations(void) {
  static const char *keys[] = {"axis",  "axes", "shape", "keepdims", "value",  "stride", "padding", "size",
                               "start", "stop", "step",  "rate",     "groups", "dtype",  "eps"};
  static const lrs_dtype dtypes[] = {LRS_FLOAT32, LRS_FLOAT64, LRS_INT64, LRS_UINT8, LRS_BOOL};
  static const int64_t sizes[][2] = {{3, 4}, {4, 3}, {0, 4}, {1, 1}};
  const char *json = NULL;
  MUST(lrs_catalogue(&json, "operations"));
  char *cards = strdup(json), *place = cards;
  lrs_tensor *pool[5][4];
  for (int d = 0; d < 5; d++)
    for (int s = 0; s < 4; s++)
      pool[d][s] = tensor(dtypes[d], sizes[s][0], sizes[s][1], d < 2);
  int names = 0;
  /* "name":"..." of operations and of their arguments: the latter are refused as names */
  while ((place = strstr(place, "\"name\":"))) {
    char name[64] = {0};
    if (sscanf(place, "\"name\": \"%63[^\"]", name) != 1 && sscanf(place, "\"name\":\"%63[^\"]", name) != 1)
      break;
    place += 7, names++;
    for (int d = 0; d < 5; d++)
      for (int s = 0; s < 4; s++)
        for (size_t count = 0; count <= 4; count++) {
          lrs_tensor *inputs[4] = {pool[d][s], pool[d][(s + (int)count) % 4], pool[(d + 1) % 5][s],
                                   pool[2][s]};
          lrs_tensor *out = NULL;
          size_t k = (size_t)(names + d + s) % (sizeof keys / sizeof *keys);
          double values[4] = {absurd[(size_t)(s + d) % ABSURD], absurd[count % ABSURD], 0, 1};
          lrs_attribute given = {.key = keys[k], .values = values, .count = count};
          for (int with = 0; with < 2; with++) {
            if (CALL(lrs_apply(&out, name, inputs, count, &given, (size_t)with)) == LRS_OK) {
              CALL(lrs_backward(out, NULL));
              CALL(lrs_backward(out, pool[0][0]));
              lrs_tensor_destroy(out);
            }
          }
        }
  }
  if (names < 50) printf("only %d operations in the catalogue\n", names), wrong++;
  free(cards);
  lrs_tensor *out = NULL;
  REFUSE(lrs_apply(&out, "nothing", NULL, 0, NULL, 0));
  REFUSE(lrs_apply(&out, "", NULL, 0, NULL, 0));
  int32_t number = -1;
  REFUSE(lrs_operation_number(&number, "nothing"));
  REFUSE(lrs_apply_number(&out, -1, pool[0], 1, NULL, 0));
  REFUSE(lrs_apply_number(&out, INT32_MAX, pool[0], 1, NULL, 0));
  MUST(lrs_operation_number(&number, "exp"));
  MUST(lrs_apply_number(&out, number, pool[0], 1, NULL, 0));
  if (lrs_tensor_dtype(out) != LRS_FLOAT32 || lrs_tensor_dtype(NULL) != -1) wrong++;
  lrs_tensor_destroy(out);
  for (int d = 0; d < 5; d++)
    for (int s = 0; s < 4; s++)
      lrs_tensor_destroy(pool[d][s]);
}

/* mean of (a * a), a leaf */
static lrs_tensor *square(lrs_tensor *a) {
  lrs_tensor *product = NULL, *loss = NULL;
  CALL(lrs_apply(&product, "multiply", (lrs_tensor *[]){a, a}, 2, NULL, 0));
  if (!product) MUST(lrs_apply(&product, "mul", (lrs_tensor *[]){a, a}, 2, NULL, 0));
  MUST(lrs_apply(&loss, "mean", &product, 1, NULL, 0));
  lrs_tensor_destroy(product);
  return loss;
}

static void derivatives(void) {
  lrs_tensor *a = tensor(LRS_FLOAT64, 3, 4, true), *loss = square(a);
  lrs_tensor *outs[2] = {0}, *vectors = NULL, *flat = tensor(LRS_FLOAT64, 3, 4, false), *out = NULL;
  MUST(lrs_tensor_create(&vectors, LRS_FLOAT64, 3, (int64_t[]){2, 3, 4}, NULL, false));
  MUST(lrs_backward(loss, NULL));
  REFUSE(lrs_backward(loss, flat));
  MUST(lrs_gradients(outs, loss, NULL, &a, 1));
  lrs_tensor_destroy(outs[0]);
  MUST(lrs_gradients(outs, loss, NULL, &flat, 1));
  if (outs[0]) wrong++;
  MUST(lrs_jvp(&out, loss, &a, &vectors, 1));
  lrs_tensor_destroy(out), out = NULL;
  REFUSE(lrs_jvp(&out, loss, &a, &flat, 1));
  MUST(lrs_hvp(outs, loss, &a, &vectors, 1));
  lrs_tensor_destroy(outs[0]);
  REFUSE(lrs_hvp(outs, loss, &a, &flat, 1));
  REFUSE(lrs_hvp(outs, flat, &a, &vectors, 1));
  lrs_tensor_destroy(a), lrs_tensor_destroy(loss), lrs_tensor_destroy(vectors), lrs_tensor_destroy(flat);
}

static lrs_program *recorded(lrs_tensor *parameter) {
  lrs_program *program = NULL;
  lrs_tensor *batch = tensor(LRS_FLOAT32, 2, 4, false), *scaled = NULL, *product = NULL, *loss = NULL;
  MUST(lrs_record_begin(&batch, 1));
  REFUSE(lrs_record_begin(&batch, 1));
  const char *name = "multiply";
  if (CALL(lrs_apply(&scaled, name, (lrs_tensor *[]){batch, parameter}, 2, NULL, 0)) != LRS_OK)
    MUST(lrs_apply(&scaled, name = "mul", (lrs_tensor *[]){batch, parameter}, 2, NULL, 0));
  void *data = NULL;
  REFUSE(lrs_tensor_data(&data, scaled));
  MUST(lrs_apply(&product, name, (lrs_tensor *[]){scaled, scaled}, 2, NULL, 0));
  MUST(lrs_apply(&loss, "mean", &product, 1, NULL, 0));
  MUST(lrs_record_end(&program, &loss, 1));
  REFUSE(lrs_record_end(&program, &loss, 1));
  lrs_record_abort();
  lrs_tensor_destroy(batch), lrs_tensor_destroy(scaled), lrs_tensor_destroy(product),
      lrs_tensor_destroy(loss);
  return program;
}

static lrs_tensor *filled(int64_t rows, int64_t columns, bool requires_grad) {
  lrs_tensor *made = tensor(LRS_FLOAT32, rows, columns, requires_grad);
  void *data = NULL;
  MUST(lrs_tensor_data(&data, made));
  for (int64_t i = 0; i < rows * columns; i++)
    ((float *)data)[i] = 0.5f + (float)(i % 3);
  return made;
}

static lrs_optimizer *optimizer(lrs_tensor *parameter, const char *direction, const char *rate,
                                double value) {
  lrs_optimizer *made = NULL;
  lrs_attribute given = number("rate", &value);
  if (CALL(lrs_optimizer_create(&made, direction, NULL, 0, rate, &given, strcmp(rate, "constant") == 0)) !=
      LRS_OK)
    return NULL;
  const char *name = "p";
  MUST(lrs_optimizer_add_group(made, &parameter, &name, 1, NULL, 0));
  return made;
}

static void training(void) {
  lrs_tensor *p = filled(1, 4, true), *data = filled(6, 4, false), *narrow = filled(6, 3, false), *out = NULL;
  lrs_program *program = recorded(p);
  lrs_optimizer *o = optimizer(p, "sgd", "constant", 0.01), *none = NULL;
  REFUSE(lrs_optimizer_create(&none, "nothing", NULL, 0, "constant", NULL, 0));
  REFUSE(lrs_optimizer_create(&none, "sgd", NULL, 0, "nothing", NULL, 0));
  for (size_t i = 0; i < ABSURD; i++) {
    lrs_attribute given = number("rate", &absurd[i]), momentum = number("momentum", &absurd[i]);
    if (CALL(lrs_optimizer_create(&none, "sgd", &momentum, 1, "constant", &given, 1)) == LRS_OK)
      lrs_optimizer_destroy(none);
  }
  size_t done = 0;
  double losses[3], rates[9];
  int64_t rows[6] = {0, 1, 2, 3, 4, 5}, beyond[6] = {0, 1, 2, 3, 4, 6}, below[6] = {0, -1, 2, 3, 4, 5};
  MUST(lrs_program_run(&done, losses, rates, program, o, &data, 1, rows, 3, 2, 10));
  MUST(lrs_program_run(&done, losses, rates, program, NULL, &data, 1, rows, 3, 2, 10));
  REFUSE(lrs_program_run(&done, losses, rates, program, o, &data, 1, beyond, 3, 2, 10));
  REFUSE(lrs_program_run(&done, losses, rates, program, o, &data, 1, below, 3, 2, 10));
  REFUSE(lrs_program_run(&done, losses, rates, program, o, &narrow, 1, rows, 3, 2, 10));
  REFUSE(lrs_program_run(&done, losses, rates, program, o, NULL, 0, rows, 3, 2, 10));
  CALL(lrs_program_run(&done, losses, rates, program, o, &data, 1, rows, 2, 3, 10));
  CALL(lrs_program_run(&done, losses, rates, program, o, &data, 1, rows, 0, 2, 10));
  CALL(lrs_program_run(&done, losses, rates, program, o, &data, 1, rows, 3, 2, NAN));

  lrs_request request;
  REFUSE(lrs_optimizer_answer(&request, o, 1.0));
  CALL(lrs_optimizer_begin(&request, o, NAN, true));
  lrs_optimizer_abort(o);
  CALL(lrs_optimizer_begin(&request, o, 1.0, false));
  lrs_optimizer_abort(o);
  lrs_optimizer_abort(o);
  MUST(lrs_optimizer_zero_grad(o));
  double held[2];
  MUST(lrs_optimizer_rates(held, 1, o));
  REFUSE(lrs_optimizer_rates(held, 2, o));
  static const char *keys[] = {"step",          "skipped_steps", "max_skipped", "steps_per_epoch",
                               "scope",         "probes",        "guard",       "explode",
                               "guard_buffers", "rollbacks",     "rate_scale"};
  for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
    MUST(lrs_optimizer_get(held, o, keys[k]));
    for (size_t i = 0; i < ABSURD; i++)
      CALL(lrs_optimizer_set(o, keys[k], absurd[i]));
  }
  REFUSE(lrs_optimizer_get(held, o, "nothing"));
  REFUSE(lrs_optimizer_set(o, "nothing", 1));
  REFUSE(lrs_optimizer_guard(o, 9, 10, NULL, 0));
  REFUSE(lrs_optimizer_guard(o, LRS_GUARD_ROLL_BACK, 0.5, NULL, 0));
  MUST(lrs_optimizer_guard(o, LRS_GUARD_ROLL_BACK, 10, &data, 1));
  REFUSE(lrs_optimizer_record(o, -1));
  MUST(lrs_optimizer_record(o, 5));
  CALL(lrs_program_run(&done, losses, rates, program, o, &data, 1, rows, 3, 2, 10));
  const char *fields = NULL, *name = NULL;
  MUST(lrs_optimizer_history(&out, &fields, o));
  lrs_tensor *rerun = NULL;
  CALL(lrs_replay(&rerun, "l4", NULL, 0, out, 0));
  CALL(lrs_replay(&rerun, "l4", NULL, 0, out, 99));
  REFUSE(lrs_replay(&rerun, "l4", NULL, 0, data, 0));
  REFUSE(lrs_replay(&rerun, "nothing", NULL, 0, out, 0));
  lrs_tensor_destroy(out);

  /* the state, put back whole, in part, in other shapes */
  lrs_tensor *values[64];
  const char *names[64];
  size_t count = 0;
  for (; count < 64; count++) {
    MUST(lrs_optimizer_state(&values[count], &name, o, count));
    if (!name) break;
    names[count] = strdup(name);
  }
  MUST(lrs_optimizer_load(o, names, values, count));
  for (size_t i = 0; i < count; i++) {
    lrs_tensor *kept = values[i];
    values[i] = narrow;
    REFUSE(lrs_optimizer_load(o, names, values, count));
    values[i] = kept;
  }
  REFUSE(lrs_optimizer_load(o, names + 1, values + 1, count - 1));
  CALL(lrs_optimizer_state(&out, &name, o, SIZE_MAX));
  for (size_t i = 0; i < count; i++)
    lrs_tensor_destroy(values[i]), free((void *)names[i]);

  /* finding a rate */
  lrs_search *search = NULL;
  MUST(lrs_search_create(&search, NULL, 0));
  for (int i = -2; i <= 2; i++)
    CALL(lrs_search_signal(search, i));
  MUST(lrs_search_get(held, search, "value"));
  REFUSE(lrs_search_get(held, search, "nothing"));
  REFUSE(lrs_search_go_on(search, 1, false));
  REFUSE(lrs_search_go_on(NULL, 1, false));
  lrs_alrs *alrs = NULL;
  double window = 2;
  lrs_attribute attribute = number("window", &window);
  MUST(lrs_alrs_create(&alrs, search, &attribute, 1));
  lrs_verdict verdict;
  for (size_t i = 0; i < ABSURD; i++)
    CALL(lrs_alrs_see(alrs, absurd[i], absurd[i], absurd[i], absurd[i]));
  for (size_t i = 0; i < ABSURD; i++)
    CALL(lrs_alrs_observe(&verdict, alrs, absurd[i], absurd[i]));
  lrs_alrs_destroy(alrs), lrs_alrs_destroy(NULL);
  lrs_finder *finder = NULL;
  CALL(lrs_optimizer_guard(o, LRS_GUARD_OFF, 10, NULL, 0));
  if (CALL(lrs_finder_create(&finder, o, search, &attribute, 1)) == LRS_OK) {
    CALL(lrs_finder_run(&done, losses, rates, finder, program, &data, 1, rows, 3, 2, 10));
    REFUSE(lrs_finder_run(&done, losses, rates, finder, program, &data, 1, beyond, 3, 2, 10));
    CALL(lrs_finder_displace(finder));
    CALL(lrs_finder_observe(held, finder, NAN));
    CALL(lrs_finder_observe(held, finder, 1));
  }
  lrs_finder_destroy(finder), lrs_finder_destroy(NULL);
  lrs_search_destroy(search), lrs_search_destroy(NULL);

  /* hypergradients */
  for (int reverse = 0; reverse < 2; reverse++) {
    lrs_episode *episode = NULL;
    double steps = 3, decay[] = {0.01, 0.02}, hypergradients[2], loss;
    lrs_attribute given[] = {text("optimizer", "sgd"),
                             text("mode", reverse ? "reverse" : "forward"),
                             number("steps", &steps),
                             {.key = "learning_rates", .values = decay, .count = 2}};
    REFUSE(lrs_episode_create(&episode, &p, 1, given, 1));
    if (CALL(lrs_episode_create(&episode, &p, 1, given, 4)) != LRS_OK) {
      given[3].key = "rates";
      CALL(lrs_episode_create(&episode, &p, 1, given, 4));
    }
    if (!episode) {
      printf("no episode: %s\n", lrs_last_error()), wrong++;
      continue;
    }
    MUST(lrs_episode_run(&done, losses, episode, program, &data, 1, rows, 3, 2, 10, LRS_EPISODE_PHASE_TRAIN));
    CALL(lrs_episode_run(&done, losses, episode, program, &data, 1, rows, 3, 2, 10, LRS_EPISODE_PHASE_TRAIN));
    REFUSE(lrs_episode_run(&done, losses, episode, program, &data, 1, rows, 1, 2, 10, 77));
    MUST(lrs_episode_run(&done, losses, episode, program, &data, 1, rows, 1, 2, 10,
                         LRS_EPISODE_PHASE_VALIDATE));
    MUST(lrs_episode_collect(&loss, episode));
    int32_t phase;
    size_t low, high;
    CALL(
        lrs_episode_run(&done, losses, episode, program, &data, 1, rows, 3, 2, 10, LRS_EPISODE_PHASE_REPLAY));
    MUST(lrs_episode_stretch(&phase, &low, &high, episode));
    REFUSE(lrs_episode_stretch(NULL, &low, &high, episode));
    CALL(lrs_episode_run(&done, losses, episode, program, &data, 1, rows, 3, 2, 10,
                         LRS_EPISODE_PHASE_RETREAT));
    lrs_tensor *bytes = NULL;
    MUST(lrs_episode_save(&bytes, episode));
    MUST(lrs_episode_load(episode, bytes));
    REFUSE(lrs_episode_save(NULL, episode));
    REFUSE(lrs_episode_load(episode, NULL));
    REFUSE(lrs_episode_load(episode, data));
    lrs_tensor_destroy(bytes);
    MUST(lrs_episode_get(&loss, episode, "cost"));
    REFUSE(lrs_episode_get(&loss, episode, "price"));
    MUST(lrs_episode_scales(&loss, 1, episode));
    REFUSE(lrs_episode_scales(&loss, 2, episode));
    MUST(lrs_episode_hypergradients(hypergradients, 2, episode));
    REFUSE(lrs_episode_hypergradients(hypergradients, 1, episode));
    lrs_episode_destroy(episode);
  }
  lrs_episode_destroy(NULL);
  MUST(lrs_replay_distance(&done, 3, 40));
  CALL(lrs_replay_distance(&done, SIZE_MAX, SIZE_MAX));
  REFUSE(lrs_replay_distance(&done, 0, 40));
  lrs_optimizer_destroy(o), lrs_optimizer_destroy(NULL);
  lrs_program_destroy(program), lrs_program_destroy(NULL);
  lrs_tensor_destroy(p), lrs_tensor_destroy(data), lrs_tensor_destroy(narrow);
}

static void learners(void) {
  lrs_learner *learner = NULL;
  double counts[] = {1, 0, 0}, initial = 0.1, window = 1, step = 0.01, losses[] = {1, NAN},
         gradients[] = {1, 2};
  lrs_attribute given[] = {text("update", "sign"),
                           {.key = "counts", .values = counts, .count = 3},
                           number("initial", &initial),
                           number("step_size", &step),
                           number("windows", &window)};
  REFUSE(lrs_learner_create(&learner, given, 1));
  static const char *keys[] = {"values",   "steps",         "best_values", "best_loss", "signals",
                               "observed", "sensitivities", "converged",   "retreated", "state"};
  if (CALL(lrs_learner_create(&learner, given, 5)) == LRS_OK) {
    for (size_t n = 0; n <= 2; n++)
      for (size_t m = 0; m <= 2; m++) {
        lrs_attribute seen[] = {{.key = "losses", .values = losses, .count = n},
                                {.key = "hypergradients", .values = gradients, .count = m}};
        CALL(lrs_learner_observe(learner, seen, 2));
      }
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
      lrs_tensor *out = NULL;
      MUST(lrs_learner_get(&out, learner, keys[k]));
      lrs_tensor_destroy(out);
    }
    lrs_tensor *out = NULL;
    REFUSE(lrs_learner_get(&out, learner, "nothing"));
    lrs_attribute state = {.key = "state", .values = gradients, .count = 2};
    REFUSE(lrs_learner_load(learner, &state, 1));
    REFUSE(lrs_learner_load(learner, NULL, 0));
  } else
    printf("no learner: %s\n", lrs_last_error()), wrong++;
  lrs_learner_destroy(learner), lrs_learner_destroy(NULL);

  double penalty, networks = 2, valid = 1;
  lrs_attribute curve[] = {{.key = "train_losses", .values = gradients, .count = 2},
                           number("valid_loss", &valid)};
  MUST(lrs_finalists_penalty(&penalty, curve, 2));
  REFUSE(lrs_finalists_penalty(&penalty, curve, 1));
  lrs_tensor *scores = NULL;
  int64_t best;
  lrs_attribute table[] = {{.key = "losses", .values = losses, .count = 2},
                           {.key = "penalties", .values = gradients, .count = 2},
                           number("networks", &networks)};
  MUST(lrs_finalists_judge(&scores, &best, table, 3));
  lrs_tensor_destroy(scores);
  table[0].count = 1;
  REFUSE(lrs_finalists_judge(&scores, &best, table, 3));
}

static void machines(void) {
  lrs_machine *machine = NULL, *twin = NULL;
  REFUSE(lrs_machine_create(&machine, "nothing", NULL, 0));
  MUST(lrs_machine_create(&machine, "l4", NULL, 0));
  static const char *keys[] = {
      "probes",     "needs_loss", "uses_window", "uses_previous", "uses_previous_gradient",
      "uses_start", "uses_epoch", "scope",       "initial_rate",  "window"};
  double out;
  for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
    CALL(lrs_machine_get(&out, machine, keys[k]));
  REFUSE(lrs_machine_get(&out, machine, "nothing"));
  MUST(lrs_machine_clone(&twin, machine));
  lrs_decision decision;
  double one = 1, nine = 9;
  lrs_attribute numbers[] = {number("loss", &nine), number("slope", &one), number("smoothed_slope", &one),
                             number("gradient_norm2", &one)};
  REFUSE(lrs_machine_answer(&decision, machine, numbers, 4));
  for (size_t n = 0; n <= 4; n++) {
    CALL(lrs_machine_begin(&decision, machine, numbers, n));
    lrs_machine_abort(machine);
  }
  for (size_t i = 0; i < ABSURD; i++) {
    CALL(lrs_machine_check(machine, absurd[i]));
    CALL(lrs_machine_factor(&out, machine, absurd[i]));
    for (int place = 0; place < 4; place++) {
      lrs_attribute changed[4];
      memcpy(changed, numbers, sizeof numbers);
      changed[place].values = &absurd[i];
      CALL(lrs_machine_begin(&decision, machine, changed, 4));
      lrs_machine_abort(machine);
    }
  }
  int32_t judgement;
  lrs_attribute judged[] = {number("loss", &nine), number("step", &one), number("skipped", &one)};
  CALL(lrs_machine_judge(&judgement, machine, judged, 3));
  REFUSE(lrs_machine_guard(machine, 9, 10, 1));
  REFUSE(lrs_machine_guard(machine, LRS_GUARD_ROLL_BACK, 0.5, 1));
  MUST(lrs_machine_guard(machine, LRS_GUARD_ROLL_BACK, 10, 1));
  REFUSE(lrs_machine_set(machine, "nothing", 1));
  for (size_t i = 0; i < ABSURD; i++) {
    CALL(lrs_machine_set(machine, "finish", absurd[i]));
    CALL(lrs_machine_set(machine, "undone", absurd[i]));
    CALL(lrs_machine_guard(machine, LRS_GUARD_DETECT, absurd[i], absurd[i]));
    for (int place = 0; place < 3; place++) {
      lrs_attribute changed[3];
      memcpy(changed, judged, sizeof judged);
      changed[place].values = &absurd[i];
      CALL(lrs_machine_judge(&judgement, machine, changed, 3));
    }
  }
  const char *name = NULL;
  for (size_t i = 0; i < 20; i++) {
    MUST(lrs_machine_state(&out, &name, machine, i));
    if (!name) break;
    for (size_t k = 0; k < ABSURD; k++) {
      lrs_attribute state = number(name, &absurd[k]);
      CALL(lrs_machine_load(twin, &state, 1));
    }
  }
  CALL(lrs_machine_load(twin, NULL, 0));
  lrs_machine_destroy(machine), lrs_machine_destroy(twin), lrs_machine_destroy(NULL);
}

static void vectors(void) {
  /* ends of allocations, so that one element too many is seen */
  float *values[5];
  for (int i = 0; i < 5; i++)
    values[i] = calloc(7, sizeof(float));
  lrs_vector whole[5];
  for (int i = 0; i < 5; i++)
    whole[i] = (lrs_vector){values[i], 7 * sizeof(float)};
  double out[2], beta = 0.9, factor;
  lrs_pair pair = {whole[0], whole[1]};
  MUST(lrs_vectors_products(out, LRS_FLOAT32, &pair, 1));
  MUST(lrs_vectors_products(out, LRS_FLOAT32, NULL, 0));
  pair.b.bytes = 4;
  REFUSE(lrs_vectors_products(out, LRS_FLOAT32, &pair, 1));
  pair.b = (lrs_vector){NULL, 28};
  REFUSE(lrs_vectors_products(out, LRS_FLOAT32, &pair, 1));
  pair.b = (lrs_vector){(char *)values[1] + 1, 24};
  REFUSE(lrs_vectors_products(out, LRS_FLOAT32, &pair, 1));
  REFUSE(lrs_vectors_products(out, LRS_INT64, &pair, 1));
  lrs_vectors of = {whole[0], whole[1], whole[2], whole[3], whole[4]};
  lrs_attribute momentum = number("momentum", &beta);
  static const char *directions[] = {"sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta", "nothing"};
  for (size_t d = 0; d < 7; d++) {
    for (int with = 0; with < 2; with++) {
      CALL(lrs_vectors_direction(out, directions[d], &momentum, (size_t)with, 1, LRS_FLOAT32, &of, 1));
      CALL(lrs_vectors_smoothing(&factor, directions[d], &momentum, (size_t)with, 3));
      for (size_t i = 0; i < ABSURD; i++) {
        CALL(lrs_vectors_direction(out, directions[d], &momentum, (size_t)with, absurd[i], LRS_FLOAT32, &of,
                                   1));
        CALL(lrs_vectors_smoothing(&factor, directions[d], &momentum, (size_t)with, absurd[i]));
      }
    }
    /* each vector once shorter, missing, or not whole elements: of those that are looked at, a refusal */
    for (int place = 0; place < 5; place++)
      for (int how = 0; how < 3; how++) {
        lrs_vectors changed = of;
        lrs_vector *v = (lrs_vector *)&changed + place;
        *v = how == 0   ? (lrs_vector){v->values, 4}
             : how == 1 ? (lrs_vector){NULL, 28}
                        : (lrs_vector){v->values, 27};
        CALL(lrs_vectors_direction(out, directions[d], &momentum, d == 0, 1, LRS_FLOAT32, &changed, 1));
      }
  }
  MUST(lrs_vectors_move(LRS_FLOAT32, &of, 1, 0.1));
  REFUSE(lrs_vectors_move(LRS_BOOL, &of, 1, 0.1));
  of.direction.bytes = 8;
  REFUSE(lrs_vectors_move(LRS_FLOAT32, &of, 1, 0.1));
  for (int i = 0; i < 5; i++)
    free(values[i]);
}

int main(void) {
  library();
  tensors();
  operations();
  derivatives();
  training();
  learners();
  machines();
  vectors();
  printf("%d calls, %d refused, %d wrong\n", calls, refusals, wrong);
  return wrong != 0;
}
