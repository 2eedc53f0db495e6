/* Program: a recorded loss, replayed on batches with the GIL released; and the recording itself. */
#include "shim.h"

PyObject *record_begin(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  Core *core = PyModule_GetState(module);
  Tensors inputs;
  if (check_count(core, "record_begin", count, 1, 1) < 0) return NULL;
  if (tensors_take(core, &inputs, arguments[0], "record_begin", "inputs") < 0) return NULL;
  int status = check(core, lrs_record_begin(inputs.items, inputs.count));
  tensors_release(&inputs);
  if (status < 0) return NULL;
  Py_RETURN_NONE;
}

PyObject *record_end(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  Core *core = PyModule_GetState(module);
  Tensors outputs;
  lrs_program *handle = NULL;
  if (check_count(core, "record_end", count, 1, 1) < 0) return NULL;
  if (tensors_take(core, &outputs, arguments[0], "record_end", "outputs") < 0) return NULL;
  int status = check(core, lrs_record_end(&handle, outputs.items, outputs.count));
  tensors_release(&outputs);
  if (status < 0) return NULL;
  Program *made = object_make(core->program_type);
  if (made == NULL) {
    lrs_program_destroy(handle);
    return NULL;
  }
  made->handle = handle;
  made->core = core;
  return (PyObject *)made;
}

PyObject *record_abort(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored)) {
  lrs_record_abort();
  Py_RETURN_NONE;
}

/* ---- running ---- */

static int indices_take(Core *core, Batches *batches, PyObject *value, const char *function) {
  Py_buffer *view = &batches->indices;
  if (PyObject_GetBuffer(value, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0) {
    if (PyErr_ExceptionMatches(core->error)) return -1;
    wrong_type(core, function, "indices", "a C-contiguous buffer of int64 [steps, batch]", value);
    return -1;
  }
  const char *format = view->format == NULL ? "B" : view->format;
  if (*format == '@' || *format == '=') format++;
  bool whole = (*format == 'q' || *format == 'l') && format[1] == '\0' && view->itemsize == sizeof(int64_t);
  if (!whole || view->ndim != 2) {
    PyErr_Format(core->errors[whole ? LRS_SHAPE_ERROR : LRS_TYPE_ERROR],
                 "%s: indices must be int64 of 2 axes [steps, batch], got format '%s' of %d axes", function,
                 view->format == NULL ? "B" : view->format, view->ndim);
    PyBuffer_Release(view);
    return -1;
  }
  batches->steps = (size_t)view->shape[0];
  batches->batch = (size_t)view->shape[1];
  return 0;
}

int batches_take(Core *core, Batches *batches, PyObject *const *arguments, const char *function) {
  if (number_of(core, &batches->seconds, arguments[3], function, "seconds") < 0) return -1;
  if (tensors_take(core, &batches->data, arguments[1], function, "data") < 0) return -1;
  if (indices_take(core, batches, arguments[2], function) < 0) {
    tensors_release(&batches->data);
    return -1;
  }
  return 0;
}

void batches_release(Batches *batches) {
  PyBuffer_Release(&batches->indices);
  tensors_release(&batches->data);
}

PyObject *rows_make(size_t steps, size_t width) {
  return PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(steps * width * sizeof(double)));
}

PyObject *rows_keep(PyObject *bytes, size_t steps, size_t width) {
  Py_ssize_t size = (Py_ssize_t)(steps * width * sizeof(double));
  if (size == PyBytes_Size(bytes)) return bytes;
  PyObject *kept = PyBytes_FromStringAndSize(PyBytes_AsString(bytes), size);
  Py_DECREF(bytes);
  return kept;
}

/* Between the check and the release of the GIL nothing may run Python code. */
static lrs_status run(Program *self, Optimizer *optimizer, Batches *batches, size_t *done, PyObject *losses,
                      PyObject *rates) {
  double *loss = (double *)PyBytes_AsString(losses), *rate = (double *)PyBytes_AsString(rates);
  lrs_optimizer *steps = optimizer == NULL ? NULL : optimizer->handle;
  lrs_status status;
  self->busy = lrs_process_number();
  if (optimizer != NULL) optimizer->busy = lrs_process_number();
  Py_BEGIN_ALLOW_THREADS;
  status = lrs_program_run(done, loss, rate, self->handle, steps, batches->data.items, batches->data.count,
                           batches->indices.buf, batches->steps, batches->batch, batches->seconds);
  Py_END_ALLOW_THREADS;
  self->busy = 0;
  if (optimizer != NULL) optimizer->busy = 0;
  return status;
}

static PyObject *program_run(PyObject *object, PyObject *const *arguments, Py_ssize_t count) {
  Program *self = (Program *)object;
  Core *core = self->core;
  Optimizer *optimizer = NULL;
  Batches batches;
  size_t done = 0;
  if (check_count(core, "run", count, 4, 4) < 0) return NULL;
  if (arguments[0] != Py_None) {
    if (!PyObject_TypeCheck(arguments[0], core->optimizer_type)) {
      return wrong_type(core, "run", "optimizer", "an Optimizer or None", arguments[0]);
    }
    optimizer = (Optimizer *)arguments[0];
  }
  if (batches_take(core, &batches, arguments, "run") < 0) return NULL;
  PyObject *losses = rows_make(batches.steps, 1);
  PyObject *rates = rows_make(batches.steps, 3);
  PyObject *result = NULL;
  if (losses == NULL || rates == NULL) {
    /* the exception is set */
  } else if (IS_BUSY(self)) {
    busy_error(core, "Program");
  } else if (optimizer != NULL && !optimizer_ready(optimizer)) {
    /* the exception is set */
  } else if (check(core, run(self, optimizer, &batches, &done, losses, rates)) == 0) {
    losses = rows_keep(losses, done, 1);
    rates = rows_keep(rates, done, 3);
    if (losses != NULL && rates != NULL) result = Py_BuildValue("(nOO)", (Py_ssize_t)done, losses, rates);
  }
  Py_XDECREF(losses);
  Py_XDECREF(rates);
  batches_release(&batches);
  return result;
}

static PyObject *program_new(PyTypeObject *type, PyObject *Py_UNUSED(arguments),
                             PyObject *Py_UNUSED(keywords)) {
  Core *core = core_of(type);
  if (core == NULL) return NULL;
  PyErr_SetString(core->errors[LRS_TYPE_ERROR], "Program: cannot be called; record_end() makes programs");
  return NULL;
}

static void program_dealloc(PyObject *object) {
  lrs_program_destroy(((Program *)object)->handle);
  object_free(object);
}

static PyMethodDef program_methods[] = {
    {"run", FAST(program_run), METH_FASTCALL,
     "run($self, optimizer, data, indices, seconds, /)\n--\n\n"
     "Steps on the rows of data that indices [steps, batch] name; (steps done, losses, rates [steps, 3])."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot program_slots[] = {
    {Py_tp_doc, "A recorded loss; made by record_end()."},
    {Py_tp_new, program_new},
    {Py_tp_dealloc, program_dealloc},
    {Py_tp_methods, program_methods},
    {0, NULL},
};

PyType_Spec program_spec = {
    .name = "lrswift._core.Program",
    .basicsize = sizeof(Program),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = program_slots,
};
