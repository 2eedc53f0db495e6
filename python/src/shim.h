/* The CPython face of the C ABI: one file per Python type, no logic of its own.
 *
 * Conventions of all files:
 *   - a function that returns int answers 0, or -1 with a Python exception set;
 *   - every argument is checked here, so that the library sees only what its header promises;
 *   - Core is the module's state; objects point to it, and outlive it never, as their type holds the module;
 *   - Tensors and Attributes are argument lists: filled by *_take, emptied by *_release on every path.
 */
#ifndef LRSWIFT_SHIM_H
#define LRSWIFT_SHIM_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include "lrswift.h"

/* Python's operators that the core answers itself where both sides are floating tensors of one dtype. */
enum { ADD, SUBTRACT, MULTIPLY, DIVIDE, MATMUL, OPERATORS };

enum { ERROR_KINDS = LRS_BUSY + 1, SHORT_LIST = 8, SHORT_NUMBERS = 32, MAX_RANK = 32 };

typedef struct {
  PyObject *error;               /* the base of all */
  PyObject *errors[ERROR_KINDS]; /* by status */
  PyTypeObject *tensor_type;
  PyTypeObject *tensor_class; /* tensor_type or the subclass registered for it */
  allocfunc tensor_alloc;
  PyTypeObject *program_type;
  PyTypeObject *optimizer_type;
  PyTypeObject *search_type;
  PyTypeObject *alrs_type;
  PyTypeObject *finder_type;
  PyTypeObject *episode_type;
  PyTypeObject *learner_type;
  PyTypeObject *machine_type;
  PyObject *operations;         /* a dict: numbers of operations by name, of those in use so far */
  int32_t operators[OPERATORS]; /* their operations' numbers */
  int32_t slice, reshape;       /* as well */
  PyObject *item;               /* the name of the method for other keys */
  PyObject *forward[OPERATORS], *reflected[OPERATORS]; /* names of methods for what is no pair of tensors */
} Core;

typedef struct {
  PyObject_HEAD
  lrs_tensor *handle;
  Core *core;
  lrs_dtype dtype;
} Tensor;

typedef struct {
  PyObject_HEAD
  lrs_program *handle;
  Core *core;
  int32_t busy; /* in a run: lrs_process_number() */
} Program;

typedef struct {
  PyObject_HEAD
  lrs_optimizer *handle;
  Core *core;
  size_t parameter_count;
  int32_t busy;
} Optimizer;

typedef struct {
  PyObject_HEAD
  lrs_search *handle;
  Core *core;
  int32_t busy;
} Search;

#define IS_FLOATING(tensor) ((tensor)->dtype == LRS_FLOAT32 || (tensor)->dtype == LRS_FLOAT64)

/* A method that takes an array of arguments, as PyMethodDef wants it. */
#define FAST(function) ((PyCFunction)(void (*)(void))(function))

/* module.c */
/* The state of the module that made the type or its nearest native base; NULL with an exception. */
Core *core_of(PyTypeObject *type);
/* A new object of the type, all zero but for its reference count; and its end. */
void *object_make(PyTypeObject *type);
void object_free(PyObject *object);

/* What is busy holds the number of its process: a thread that a fork has left behind never says that it has
 * finished. */
#define IS_BUSY(thing) ((thing)->busy != 0 && (thing)->busy == lrs_process_number())

/* errors.c */
int errors_create(Core *core, PyObject *module);
int check(Core *core, lrs_status status);
PyObject *wrong_type(Core *core, const char *function, const char *argument, const char *expected,
                     PyObject *value);
PyObject *busy_error(Core *core, const char *what);
/* Whether to ask again: the library was asked for what a sweep of another thread works on, and it has ended.
 */
bool again(lrs_status status);
int check_count(Core *core, const char *function, Py_ssize_t given, Py_ssize_t least, Py_ssize_t most);
/* attributes.c */
typedef struct {
  lrs_attribute *items;
  size_t count;
  double *numbers;
  size_t number_count, number_capacity;
  PyObject *kept; /* owns the keys and texts that items point to */
  lrs_attribute short_items[SHORT_LIST];
  double short_numbers[SHORT_NUMBERS];
} Attributes;

int attributes_take(Core *core, Attributes *list, PyObject *dict, const char *function, const char *argument);
void attributes_release(Attributes *list);
/* NULL with an exception when value is no text or holds a NUL. */
const char *text_of(Core *core, PyObject *value, const char *function, const char *argument);
int number_of(Core *core, double *out, PyObject *value, const char *function, const char *argument);
int integer_of(Core *core, long long *out, PyObject *value, const char *function, const char *argument);
int flag_of(Core *core, bool *out, PyObject *value, const char *function, const char *argument);

/* tensor.c */
typedef struct {
  lrs_tensor **items;
  size_t count;
  PyObject *kept; /* a tuple that keeps the tensors alive while the GIL is released */
  lrs_tensor *short_items[SHORT_LIST];
} Tensors;

extern PyType_Spec tensor_spec;
int operators_create(Core *core);
int tensors_take(Core *core, Tensors *list, PyObject *sequence, const char *function, const char *argument);
void tensors_release(Tensors *list);
lrs_tensor *tensor_handle(Core *core, PyObject *value, const char *function, const char *argument);
/* Takes over the handle, also when it fails. NULL becomes None. */
PyObject *tensor_wrap(Core *core, lrs_tensor *handle);
/* Takes over all handles, also when it fails. */
PyObject *tensors_wrap(Core *core, lrs_tensor **handles, size_t count);
PyObject *tensor_make(PyObject *module, PyObject *const *arguments, Py_ssize_t count);

/* dlpack.c: memory shared with other libraries */
PyObject *dlpack_take(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *dlpack_give(PyObject *module, PyObject *const *arguments, Py_ssize_t count);

/* functions.c: operations and derivatives */
/* The operation's number, or -1 with an exception. */
int32_t operation_number(Core *core, PyObject *name);
PyObject *core_apply(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *core_reshape(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *core_pointwise(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *core_backward(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *core_gradients(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *core_jvp(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *core_hvp(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *core_replay(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *core_replay_distance(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *core_measure(PyObject *module, PyObject *const *arguments, Py_ssize_t count);

/* vectors.c */
PyObject *vectors_products(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *vectors_direction(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *vectors_smoothing(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *vectors_move(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *vectors_pass(PyObject *module, PyObject *const *arguments, Py_ssize_t count);

/* program.c */
extern PyType_Spec program_spec;
PyObject *record_begin(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *record_end(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *record_abort(PyObject *module, PyObject *ignored);

/* What a run over batches needs, from Python's arguments: (program or optimizer, data, indices, seconds). */
typedef struct {
  Tensors data;
  Py_buffer indices;
  size_t steps, batch;
  double seconds;
} Batches;

int batches_take(Core *core, Batches *batches, PyObject *const *arguments, const char *function);
void batches_release(Batches *batches);
/* bytes for rows of doubles, to be filled before anyone sees them; and its first rows, the rest given up. */
PyObject *rows_make(size_t steps, size_t width);
PyObject *rows_keep(PyObject *bytes, size_t steps, size_t width);

/* optimizer.c, finder.c, alrs.c, episode.c, learner.c, machine.c */
extern PyType_Spec optimizer_spec;
/* Not in a run of another thread; else false with an exception. */
bool optimizer_ready(Optimizer *self);
extern PyType_Spec search_spec;
extern PyType_Spec finder_spec;
extern PyType_Spec alrs_spec;
extern PyType_Spec episode_spec;
extern PyType_Spec learner_spec;
extern PyType_Spec machine_spec;
PyObject *finalist_penalty(PyObject *module, PyObject *attributes);
PyObject *judge_finalists(PyObject *module, PyObject *attributes);

#endif
