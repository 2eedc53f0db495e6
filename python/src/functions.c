/* Operations and derivatives. */
#include "shim.h"

int32_t operation_number(Core *core, PyObject *name) {
  PyObject *known = PyDict_GetItemWithError(core->operations, name);
  if (known != NULL) return (int32_t)PyLong_AsLong(known);
  if (PyErr_Occurred()) return -1;
  const char *text = text_of(core, name, "apply", "name");
  int32_t number;
  if (text == NULL || check(core, lrs_operation_number(&number, text)) < 0) return -1;
  PyObject *kept = PyLong_FromLong(number);
  int status = kept == NULL ? -1 : PyDict_SetItem(core->operations, name, kept);
  Py_XDECREF(kept);
  return status < 0 ? -1 : number;
}

PyObject *core_apply(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  Core *core = PyModule_GetState(module);
  Tensors inputs;
  Attributes given;
  lrs_tensor *made = NULL;
  if (check_count(core, "apply", count, 2, 3) < 0) return NULL;
  const char *name = text_of(core, arguments[0], "apply", "name");
  if (name == NULL) return NULL;
  int32_t number = operation_number(core, arguments[0]);
  if (number < 0 || tensors_take(core, &inputs, arguments[1], name, "inputs") < 0) return NULL;
  if (attributes_take(core, &given, count == 3 ? arguments[2] : NULL, name, "attributes") < 0) {
    tensors_release(&inputs);
    return NULL;
  }
  int status =
      check(core, lrs_apply_number(&made, number, inputs.items, inputs.count, given.items, given.count));
  attributes_release(&given);
  tensors_release(&inputs);
  return status < 0 ? NULL : tensor_wrap(core, made);
}

PyObject *core_pointwise(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  Core *core = PyModule_GetState(module);
  lrs_tensor *made = NULL;
  if (check_count(core, "pointwise", count, 2, 2) < 0) return NULL;
  if (!PyObject_TypeCheck(arguments[1], core->tensor_type) || !IS_FLOATING((Tensor *)arguments[1]))
    Py_RETURN_NOTIMPLEMENTED;
  int32_t number = operation_number(core, arguments[0]);
  if (number < 0) return NULL;
  lrs_tensor *x = ((Tensor *)arguments[1])->handle;
  return check(core, lrs_apply_number(&made, number, &x, 1, NULL, 0)) < 0 ? NULL : tensor_wrap(core, made);
}

static int seed_of(Core *core, lrs_tensor **seed, PyObject *value, const char *function) {
  *seed = NULL;
  if (value == Py_None) return 0;
  *seed = tensor_handle(core, value, function, "seed");
  return *seed == NULL ? -1 : 0;
}

/* Ctrl-C is seen between portions, so none may take long. */
static const double PORTION_SECONDS = 0.1;

/* A sweep to its end, with the GIL released; outs has room for count results. */
static int sweep(Core *core, const char *kind, lrs_tensor *output, lrs_tensor *seed, const Tensors *inputs,
                 const Tensors *directions, lrs_tensor **outs, size_t count) {
  lrs_sweep *made = NULL;
  bool done = false;
  size_t given = inputs == NULL ? 0 : inputs->count;
  int result = check(core, lrs_sweep_create(&made, kind, output, seed, given ? inputs->items : NULL,
                                            directions == NULL ? NULL : directions->items, given));
  while (result == 0 && !done) {
    lrs_status status;
    Py_BEGIN_ALLOW_THREADS;
    status = lrs_sweep_run(&done, made, PORTION_SECONDS);
    Py_END_ALLOW_THREADS;
    result = check(core, status);
    if (result == 0 && !done) result = PyErr_CheckSignals();
  }
  if (result == 0) result = check(core, lrs_sweep_found(outs, count, made));
  lrs_sweep_destroy(made);
  return result;
}

PyObject *core_backward(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  Core *core = PyModule_GetState(module);
  lrs_tensor *seed;
  if (check_count(core, "backward", count, 1, 2) < 0) return NULL;
  lrs_tensor *output = tensor_handle(core, arguments[0], "backward", "output");
  if (output == NULL || seed_of(core, &seed, count == 2 ? arguments[1] : Py_None, "backward") < 0)
    return NULL;
  if (sweep(core, "backward", output, seed, NULL, NULL, NULL, 0) < 0) return NULL;
  Py_RETURN_NONE;
}

/* An array for count results, all NULL; at least one element long. */
static lrs_tensor **results(size_t count) {
  lrs_tensor **outs = PyMem_Calloc(count + 1, sizeof *outs);
  if (outs == NULL) PyErr_NoMemory();
  return outs;
}

PyObject *core_gradients(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  Core *core = PyModule_GetState(module);
  Tensors wrt;
  lrs_tensor *seed;
  PyObject *made = NULL;
  if (check_count(core, "gradients", count, 3, 3) < 0) return NULL;
  lrs_tensor *output = tensor_handle(core, arguments[0], "gradients", "output");
  if (output == NULL || seed_of(core, &seed, arguments[1], "gradients") < 0) return NULL;
  if (tensors_take(core, &wrt, arguments[2], "gradients", "wrt") < 0) return NULL;
  lrs_tensor **outs = results(wrt.count);
  if (outs != NULL && sweep(core, "gradients", output, seed, &wrt, NULL, outs, wrt.count) == 0)
    made = tensors_wrap(core, outs, wrt.count);
  PyMem_Free(outs);
  tensors_release(&wrt);
  return made;
}

/* The arguments of jvp and hvp: a scalar or tensor, its inputs, and one stack of directions for each. */
static int directions_take(Core *core, lrs_tensor **output, Tensors *inputs, Tensors *directions,
                           PyObject *const *arguments, Py_ssize_t count, const char *function,
                           const char *called) {
  if (check_count(core, function, count, 3, 3) < 0) return -1;
  *output = tensor_handle(core, arguments[0], function, "output");
  if (*output == NULL || tensors_take(core, inputs, arguments[1], function, "inputs") < 0) return -1;
  if (tensors_take(core, directions, arguments[2], function, called) < 0) {
    tensors_release(inputs);
    return -1;
  }
  if (inputs->count == directions->count && inputs->count > 0) return 0;
  PyErr_Format(core->errors[LRS_VALUE_ERROR],
               "%s: inputs and %s must be of one length, at least 1, got %zu and %zu", function, called,
               inputs->count, directions->count);
  tensors_release(directions);
  tensors_release(inputs);
  return -1;
}

PyObject *core_jvp(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  Core *core = PyModule_GetState(module);
  Tensors inputs, tangents;
  lrs_tensor *output, *made = NULL;
  if (directions_take(core, &output, &inputs, &tangents, arguments, count, "jvp", "tangents") < 0)
    return NULL;
  int status = sweep(core, "jvp", output, NULL, &inputs, &tangents, &made, 1);
  tensors_release(&tangents);
  tensors_release(&inputs);
  return status < 0 ? NULL : tensor_wrap(core, made);
}

PyObject *core_hvp(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  Core *core = PyModule_GetState(module);
  Tensors inputs, vectors;
  lrs_tensor *output;
  PyObject *made = NULL;
  if (directions_take(core, &output, &inputs, &vectors, arguments, count, "hvp", "vectors") < 0) return NULL;
  lrs_tensor **outs = results(inputs.count);
  if (outs != NULL && sweep(core, "hvp", output, NULL, &inputs, &vectors, outs, inputs.count) == 0)
    made = tensors_wrap(core, outs, inputs.count);
  PyMem_Free(outs);
  tensors_release(&vectors);
  tensors_release(&inputs);
  return made;
}

PyObject *core_replay(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  Core *core = PyModule_GetState(module);
  Attributes attributes;
  lrs_tensor *made = NULL;
  double machine;
  if (check_count(core, "replay", count, 4, 4) < 0) return NULL;
  const char *rate = text_of(core, arguments[0], "replay", "rate");
  if (rate == NULL) return NULL;
  lrs_tensor *history = tensor_handle(core, arguments[2], "replay", "history");
  if (history == NULL || number_of(core, &machine, arguments[3], "replay", "machine") < 0) return NULL;
  if (attributes_take(core, &attributes, arguments[1], "replay", "attributes") < 0) return NULL;
  int32_t chosen = machine >= 0 && machine <= INT32_MAX ? (int32_t)machine : -1;
  lrs_status status = lrs_replay(&made, rate, attributes.items, attributes.count, history, chosen);
  attributes_release(&attributes);
  return check(core, status) < 0 ? NULL : tensor_wrap(core, made);
}

PyObject *core_measure(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  Core *core = PyModule_GetState(module);
  Attributes attributes;
  double seconds = 0, operations = 0;
  lrs_status status;
  if (check_count(core, "measure", count, 2, 2) < 0) return NULL;
  const char *what = text_of(core, arguments[0], "measure", "what");
  if (what == NULL || attributes_take(core, &attributes, arguments[1], "measure", "attributes") < 0)
    return NULL;
  Py_BEGIN_ALLOW_THREADS;
  status = lrs_measure(&seconds, &operations, what, attributes.items, attributes.count);
  Py_END_ALLOW_THREADS;
  attributes_release(&attributes);
  return check(core, status) < 0 ? NULL : Py_BuildValue("dd", seconds, operations);
}

PyObject *core_replay_distance(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  Core *core = PyModule_GetState(module);
  size_t found;
  if (check_count(core, "replay_distance", count, 2, 2) < 0) return NULL;
  size_t snapshots = PyLong_AsSize_t(arguments[0]);
  if (snapshots == (size_t)-1 && PyErr_Occurred()) return NULL;
  size_t points = PyLong_AsSize_t(arguments[1]);
  if (points == (size_t)-1 && PyErr_Occurred()) return NULL;
  if (check(core, lrs_replay_distance(&found, snapshots, points)) < 0) return NULL;
  return PyLong_FromSize_t(found);
}
