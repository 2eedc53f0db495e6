/* lrswift._core: the module, its settings and the list of what it offers. */
#include "shim.h"

static PyObject *set_tensor_class(PyObject *module, PyObject *value) {
  Core *core = PyModule_GetState(module);
  if (!PyType_Check(value) || !PyType_IsSubtype((PyTypeObject *)value, core->tensor_type)) {
    return wrong_type(core, "set_tensor_class", "cls", "a subclass of Tensor", value);
  }
  PyTypeObject *before = core->tensor_class;
  core->tensor_class = (PyTypeObject *)Py_NewRef(value);
  core->tensor_alloc = (allocfunc)PyType_GetSlot(core->tensor_class, Py_tp_alloc);
  Py_XDECREF((PyObject *)before);
  Py_RETURN_NONE;
}

static PyObject *version(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored)) {
  return PyUnicode_FromString(lrs_version());
}

static PyObject *catalogue(PyObject *module, PyObject *value) {
  Core *core = PyModule_GetState(module);
  const char *text = NULL, *kind = text_of(core, value, "catalogue", "kind");
  if (kind == NULL || check(core, lrs_catalogue(&text, kind)) < 0) return NULL;
  return PyUnicode_FromString(text);
}

static PyObject *set_threads(PyObject *module, PyObject *value) {
  Core *core = PyModule_GetState(module);
  long long count;
  if (integer_of(core, &count, value, "set_threads", "n") < 0) return NULL;
  if (count < INT32_MIN || count > INT32_MAX) {
    PyErr_Format(core->errors[LRS_VALUE_ERROR],
                 "set_threads: n must be at least 1 and fit in 32 bits, got %lld", count);
    return NULL;
  }
  if (check(core, lrs_set_threads((int32_t)count)) < 0) return NULL;
  Py_RETURN_NONE;
}

static PyObject *get_threads(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored)) {
  return PyLong_FromLong(lrs_get_threads());
}

static PyObject *memory(PyObject *module, PyObject *value) {
  bool reset;
  int64_t now, peak;
  if (flag_of(PyModule_GetState(module), &reset, value, "memory", "reset") < 0) return NULL;
  lrs_memory(&now, &peak, reset);
  return Py_BuildValue("LL", (long long)now, (long long)peak);
}

static PyObject *set_grad_enabled(PyObject *module, PyObject *value) {
  bool flag;
  if (flag_of(PyModule_GetState(module), &flag, value, "set_grad_enabled", "enabled") < 0) return NULL;
  return PyBool_FromLong(lrs_set_grad_enabled(flag));
}

static PyObject *get_grad_enabled(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored)) {
  return PyBool_FromLong(lrs_get_grad_enabled());
}

static int word_of(Core *core, uint64_t *out, PyObject *value, const char *argument) {
  PyObject *index = PyNumber_Index(value);
  if (index == NULL) {
    if (PyErr_ExceptionMatches(PyExc_TypeError))
      wrong_type(core, "random_set", argument, "an integer", value);
    return -1;
  }
  *out = PyLong_AsUnsignedLongLong(index);
  Py_DECREF(index);
  if (*out != UINT64_MAX || !PyErr_Occurred()) return 0;
  PyErr_Clear();
  PyErr_Format(core->errors[LRS_VALUE_ERROR], "random_set: %s must be an integer of 0 to 2**64 - 1",
               argument);
  return -1;
}

static PyObject *random_set(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  Core *core = PyModule_GetState(module);
  uint64_t seed, offset;
  if (check_count(core, "random_set", count, 2, 2) < 0) return NULL;
  if (word_of(core, &seed, arguments[0], "seed") < 0 || word_of(core, &offset, arguments[1], "offset") < 0)
    return NULL;
  lrs_random_set(seed, offset);
  Py_RETURN_NONE;
}

static PyObject *random_get(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored)) {
  uint64_t seed, offset;
  lrs_random_get(&seed, &offset);
  return Py_BuildValue("(KK)", (unsigned long long)seed, (unsigned long long)offset);
}

static PyMethodDef functions[] = {
    {"tensor", FAST(tensor_make), METH_FASTCALL,
     "tensor($module, buffer, dtype_name, shape, requires_grad=False, /)\n--\n\nA copy of a buffer; None: zeros."},
    {"from_dlpack", FAST(dlpack_take), METH_FASTCALL,
     "from_dlpack($module, capsule, copy, /)\n--\n\nA tensor on the memory of a capsule, or with a copy of it."},
    {"to_dlpack", FAST(dlpack_give), METH_FASTCALL,
     "to_dlpack($module, tensor, versioned, copied, /)\n--\n\nA capsule with the memory of a tensor."},
    {"set_tensor_class", set_tensor_class, METH_O,
     "set_tensor_class($module, cls, /)\n--\n\nThe subclass of Tensor that every new tensor has from now on."},
    {"apply", FAST(core_apply), METH_FASTCALL,
     "apply($module, name, inputs, attributes=None, /)\n--\n\nAn operation, by name."},
    {"pointwise", FAST(core_pointwise), METH_FASTCALL,
     "pointwise($module, name, x, /)\n--\n\n"
     "An operation without attributes on one floating tensor; NotImplemented for anything else."},
    {"reshape", FAST(core_reshape), METH_FASTCALL,
     "reshape($module, x, shape, /)\n--\n\nIn a shape, a tuple; NotImplemented for one that x cannot have."},
    {"backward", FAST(core_backward), METH_FASTCALL,
     "backward($module, output, seed=None, /)\n--\n\nAdds to the gradient of every leaf."},
    {"gradients", FAST(core_gradients), METH_FASTCALL,
     "gradients($module, output, seed, wrt, /)\n--\n\nGradients; None where output does not depend on the tensor."},
    {"jvp", FAST(core_jvp), METH_FASTCALL,
     "jvp($module, output, inputs, tangents, /)\n--\n\nDerivatives of output along K stacked tangents."},
    {"replay", FAST(core_replay), METH_FASTCALL,
     "replay($module, rate, attributes, history, machine, /)\n--\n\nRates of another method on a history."},
    {"replay_distance", FAST(core_replay_distance), METH_FASTCALL,
     "replay_distance($module, snapshots, points, /)\n--\n\nWhere the snapshot after the first is best taken."},
    {"hvp", FAST(core_hvp), METH_FASTCALL,
     "hvp($module, output, inputs, vectors, /)\n--\n\nThe Hessian of a scalar times K stacked vectors."},
    {"version", version, METH_NOARGS, "version($module, /)\n--\n\nThe library's version."},
    {"measure", FAST(core_measure), METH_FASTCALL,
     "measure($module, what, attributes, /)\n--\n\nSeconds and floating-point operations of a kernel."},
    {"catalogue", catalogue, METH_O,
     "catalogue($module, kind, /)\n--\n\nJSON: operations, directions, rates, schedules, enumerations, config."},
    {"set_threads", set_threads, METH_O, "set_threads($module, n, /)\n--\n\nThreads that operations use."},
    {"get_threads", get_threads, METH_NOARGS, "get_threads($module, /)\n--\n\nThreads that operations use."},
    {"memory", memory, METH_O,
     "memory($module, reset, /)\n--\n\n(bytes in use, at most since the last reset)."},
    {"set_grad_enabled", set_grad_enabled, METH_O,
     "set_grad_enabled($module, enabled, /)\n--\n\nThe value before."},
    {"get_grad_enabled", get_grad_enabled, METH_NOARGS,
     "get_grad_enabled($module, /)\n--\n\nOf this thread."},
    {"random_set", FAST(random_set), METH_FASTCALL,
     "random_set($module, seed, offset, /)\n--\n\nOf this thread."},
    {"random_get", random_get, METH_NOARGS, "random_get($module, /)\n--\n\n(seed, offset) of this thread."},
    {"vectors_products", FAST(vectors_products), METH_FASTCALL,
     "vectors_products($module, wide, pairs, /)\n--\n\n<a, b> of vectors given by address."},
    {"vectors_direction", FAST(vectors_direction), METH_FASTCALL,
     "vectors_direction($module, direction, attributes, step, wide, vectors, /)\n--\n\n"
     "Writes directions; their slopes."},
    {"vectors_smoothing", FAST(vectors_smoothing), METH_FASTCALL,
     "vectors_smoothing($module, direction, attributes, step, /)\n--\n\n"
     "Factor between the first state vector and the average of the gradient."},
    {"vectors_move", FAST(vectors_move), METH_FASTCALL,
     "vectors_move($module, wide, vectors, rate, /)\n--\n\nA step along directions."},
    {"vectors_pass", FAST(vectors_pass), METH_FASTCALL,
     "vectors_pass($module, rate, direction, attributes, step, wide, second, numbers, places, /)\n--\n\n"
     "A pass of a whole method; its sums."},
    {"finalist_penalty", finalist_penalty, METH_O,
     "finalist_penalty($module, attributes, /)\n--\n\nOf train_losses and valid_loss of a network."},
    {"judge_finalists", judge_finalists, METH_O,
     "judge_finalists($module, attributes, /)\n--\n\n"
     "(scores, best or None) of losses and penalties on networks."},
    {"record_begin", FAST(record_begin), METH_FASTCALL,
     "record_begin($module, inputs, /)\n--\n\nFrom now on operations on inputs are recorded."},
    {"record_end", FAST(record_end), METH_FASTCALL,
     "record_end($module, outputs, /)\n--\n\nThe Program that computes outputs, the first of which is the loss."},
    {"record_abort", record_abort, METH_NOARGS, "record_abort($module, /)\n--\n\nForgets the recording."},
    {NULL, NULL, 0, NULL},
};

static int add_type(PyObject *module, PyTypeObject **out, PyType_Spec *spec) {
  *out = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
  return *out == NULL ? -1 : PyModule_AddType(module, *out);
}

static int check_processor(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi2")) {
    PyErr_SetString(PyExc_ImportError, "lrswift needs a processor with AVX2, FMA and BMI2 (x86-64-v3)");
    return -1;
  }
#endif
  return 0;
}

static int module_exec(PyObject *module) {
  Core *core = PyModule_GetState(module);
  if (check_processor() < 0 || errors_create(core, module) < 0) return -1;
  if (add_type(module, &core->tensor_type, &tensor_spec) < 0) return -1;
  if (operators_create(core) < 0) return -1;
  if (add_type(module, &core->program_type, &program_spec) < 0) return -1;
  if (add_type(module, &core->optimizer_type, &optimizer_spec) < 0) return -1;
  if (add_type(module, &core->search_type, &search_spec) < 0) return -1;
  if (add_type(module, &core->alrs_type, &alrs_spec) < 0) return -1;
  if (add_type(module, &core->finder_type, &finder_spec) < 0) return -1;
  if (add_type(module, &core->episode_type, &episode_spec) < 0) return -1;
  if (add_type(module, &core->learner_type, &learner_spec) < 0) return -1;
  if (add_type(module, &core->machine_type, &machine_spec) < 0) return -1;
  PyObject *set = set_tensor_class(module, (PyObject *)core->tensor_type);
  Py_XDECREF(set);
  return set == NULL ? -1 : 0;
}

static int module_traverse(PyObject *module, visitproc visit, void *arg) {
  Core *core = PyModule_GetState(module);
  if (core == NULL) return 0;
  Py_VISIT(core->error);
  for (int i = 0; i < ERROR_KINDS; i++)
    Py_VISIT(core->errors[i]);
  Py_VISIT(core->tensor_class);
  Py_VISIT(core->tensor_type);
  Py_VISIT(core->program_type);
  Py_VISIT(core->optimizer_type);
  Py_VISIT(core->search_type);
  Py_VISIT(core->alrs_type);
  Py_VISIT(core->finder_type);
  Py_VISIT(core->episode_type);
  Py_VISIT(core->learner_type);
  Py_VISIT(core->machine_type);
  Py_VISIT(core->operations);
  return 0;
}

/* No m_clear: methods of objects that die late still look here, and the types' own clearing breaks the cycle.
 */
static void module_free(void *module) {
  Core *core = PyModule_GetState(module);
  if (core == NULL) return;
  Py_CLEAR(core->error);
  for (int i = 0; i < ERROR_KINDS; i++)
    Py_CLEAR(core->errors[i]);
  Py_CLEAR(core->tensor_class);
  Py_CLEAR(core->tensor_type);
  Py_CLEAR(core->program_type);
  Py_CLEAR(core->optimizer_type);
  Py_CLEAR(core->search_type);
  Py_CLEAR(core->alrs_type);
  Py_CLEAR(core->finder_type);
  Py_CLEAR(core->episode_type);
  Py_CLEAR(core->learner_type);
  Py_CLEAR(core->machine_type);
  Py_CLEAR(core->operations);
  Py_CLEAR(core->item);
  for (int i = 0; i < OPERATORS; i++) {
    Py_CLEAR(core->forward[i]);
    Py_CLEAR(core->reflected[i]);
  }
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "lrswift._core",
    .m_doc = "The native core of lrswift; private.",
    .m_size = sizeof(Core),
    .m_methods = functions,
    .m_slots = slots,
    .m_traverse = module_traverse,
    .m_free = module_free,
};

Core *core_of(PyTypeObject *type) {
  for (; type != NULL; type = PyType_GetSlot(type, Py_tp_base)) {
    /* a Python subclass has no module, a foreign base another one */
    PyObject *module = PyType_GetFlags(type) & Py_TPFLAGS_HEAPTYPE ? PyType_GetModule(type) : NULL;
    if (module != NULL && PyModule_GetDef(module) == &definition) return PyModule_GetState(module);
    PyErr_Clear();
  }
  PyErr_SetString(PyExc_SystemError, "lrswift._core: a type without its module");
  return NULL;
}

void *object_make(PyTypeObject *type) { return ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0); }

void object_free(PyObject *object) {
  PyTypeObject *type = Py_TYPE(object);
  ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
  Py_DECREF(type);
}

PyMODINIT_FUNC PyInit__core(void) { return PyModuleDef_Init(&definition); }
