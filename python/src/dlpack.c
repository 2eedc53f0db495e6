/* DLPack both ways: tensors of other libraries and ours on the same memory.
 *
 * A capsule is taken over by renaming it; until then its own destructor lets go of what it holds. What
 * cannot be shared (strides, read-only memory, an address that is no multiple of the element's size) is
 * copied, and the capsule then stays unconsumed. The structs are DLPack's own, of versions 1.x and before.
 */
#include "shim.h"

#include <string.h>

enum { CPU = 1, LEGACY = 0, VERSIONED = 1 };
enum { READ_ONLY = 1, IS_COPIED = 2 };

typedef struct {
  int32_t type, id;
} Device;

typedef struct {
  uint8_t code, bits;
  uint16_t lanes;
} ElementType;

typedef struct {
  void *data;
  Device device;
  int32_t rank;
  ElementType type;
  int64_t *shape, *strides; /* strides in elements; NULL: row-major */
  uint64_t byte_offset;
} Array;

typedef struct Managed {
  Array array;
  void *context;
  void (*release)(struct Managed *);
} Managed;

typedef struct ManagedVersioned {
  uint32_t major, minor;
  void *context;
  void (*release)(struct ManagedVersioned *);
  uint64_t flags;
  Array array;
} ManagedVersioned;

static const char *const names[] = {"dltensor", "dltensor_versioned"};
static const char *const used_names[] = {"used_dltensor", "used_dltensor_versioned"};

static const ElementType types[] = {
    [LRS_FLOAT32] = {2, 32, 1}, [LRS_FLOAT64] = {2, 64, 1}, [LRS_INT64] = {0, 64, 1},
    [LRS_UINT8] = {1, 8, 1},    [LRS_BOOL] = {6, 8, 1},
};
enum { TYPE_COUNT = sizeof types / sizeof *types };

/* ---- from others ---- */

static void let_go(void *context) {
  Managed *managed = context;
  if (managed->release != NULL) managed->release(managed);
}

static void let_go_versioned(void *context) {
  ManagedVersioned *managed = context;
  if (managed->release != NULL) managed->release(managed);
}

static int type_of(Core *core, lrs_dtype *out, ElementType type) {
  for (*out = 0; *out < TYPE_COUNT; (*out)++) {
    const ElementType *known = &types[*out];
    if (type.code == known->code && type.bits == known->bits && type.lanes == known->lanes) return 0;
  }
  static const char *const kinds[] = {"int", "uint", "float", "opaque", "bfloat", "complex", "bool"};
  PyErr_Format(core->errors[LRS_TYPE_ERROR],
               "from_dlpack: x: got dtype %s%d with %d lanes; allowed: float32, float64, int64, uint8, bool",
               type.code < 7 ? kinds[type.code] : "unknown", type.bits, type.lanes);
  return -1;
}

/* The number of elements, or -1 with an exception for a shape that no tensor has. */
static int64_t size_of(Core *core, const Array *array, int64_t width) {
  int64_t bytes = width;
  bool valid = array->rank >= 0 && array->rank <= MAX_RANK && (array->rank == 0 || array->shape != NULL);
  for (int32_t axis = 0; valid && axis < array->rank; axis++) {
    valid = array->shape[axis] >= 0 && !__builtin_mul_overflow(bytes, array->shape[axis], &bytes);
  }
  if (valid && (array->data != NULL || bytes == 0)) return bytes / width;
  PyErr_Format(core->errors[LRS_SHAPE_ERROR],
               "from_dlpack: x: got %d axes; allowed: at most %d, of lengths of at least 0 that have memory",
               (int)array->rank, MAX_RANK);
  return -1;
}

static bool is_row_major(const Array *array) {
  if (array->strides == NULL) return true;
  int64_t step = 1;
  for (int32_t axis = array->rank - 1; axis >= 0; axis--) {
    if (array->shape[axis] != 1 && array->strides[axis] != step) return false;
    step *= array->shape[axis];
  }
  return true;
}

static void gather(char *to, const Array *array, const char *from, size_t width, int64_t size) {
  int64_t place[MAX_RANK] = {0};
  for (int64_t i = 0; i < size; i++) {
    int64_t offset = 0;
    for (int32_t axis = 0; axis < array->rank; axis++)
      offset += place[axis] * array->strides[axis];
    memcpy(to + (size_t)i * width, from + offset * (int64_t)width, width);
    for (int32_t axis = array->rank - 1; axis >= 0 && ++place[axis] == array->shape[axis]; axis--)
      place[axis] = 0;
  }
}

static int copy_of(Core *core, lrs_tensor **out, const Array *array, lrs_dtype dtype, const char *data,
                   int64_t size) {
  if (size == 0 || is_row_major(array)) {
    return check(core, lrs_tensor_create(out, dtype, array->rank, array->shape, data, false));
  }
  void *to;
  if (check(core, lrs_tensor_create(out, dtype, array->rank, array->shape, NULL, false)) < 0) return -1;
  if (check(core, lrs_tensor_data(&to, *out)) < 0) {
    lrs_tensor_destroy(*out);
    *out = NULL;
    return -1;
  }
  gather(to, array, data, types[dtype].bits / 8, size);
  return 0;
}

/* from_dlpack(capsule, copy, /): copy None where sharing is impossible, True always, False never. */
PyObject *dlpack_take(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  Core *core = PyModule_GetState(module);
  bool copy = false, may_copy = true;
  if (check_count(core, "from_dlpack", count, 2, 2) < 0) return NULL;
  if (arguments[1] != Py_None) {
    if (flag_of(core, &copy, arguments[1], "from_dlpack", "copy") < 0) return NULL;
    may_copy = copy;
  }
  int form = PyCapsule_IsValid(arguments[0], names[VERSIONED]) ? VERSIONED : LEGACY;
  if (!PyCapsule_IsValid(arguments[0], names[form]))
    return wrong_type(core, "from_dlpack", "capsule", "a DLPack capsule that nobody has taken", arguments[0]);
  void *managed = PyCapsule_GetPointer(arguments[0], names[form]);
  uint64_t flags = 0;
  if (form == VERSIONED) {
    const ManagedVersioned *versioned = managed;
    if (versioned->major != 1) {
      PyErr_Format(PyExc_BufferError, "from_dlpack: x: got DLPack %u.%u; allowed: 1.x and before",
                   (unsigned)versioned->major, (unsigned)versioned->minor);
      return NULL;
    }
    flags = versioned->flags;
  }
  const Array *array =
      form == VERSIONED ? &((ManagedVersioned *)managed)->array : &((Managed *)managed)->array;
  if (array->device.type != CPU) {
    PyErr_Format(PyExc_BufferError, "from_dlpack: x: got memory of device type %d; allowed: 1, the CPU",
                 (int)array->device.type);
    return NULL;
  }
  lrs_dtype dtype;
  if (type_of(core, &dtype, array->type) < 0) return NULL;
  size_t width = types[dtype].bits / 8;
  int64_t size = size_of(core, array, (int64_t)width);
  if (size < 0) return NULL;
  char *data = (char *)array->data + array->byte_offset;
  /* without elements first: lengths beside a zero may overflow when multiplied */
  const char *hindrance = size == 0                 ? "no elements"
                          : flags & READ_ONLY       ? "read-only memory"
                          : !is_row_major(array)    ? "strides that are not row-major"
                          : (uintptr_t)data % width ? "memory that is not aligned"
                                                    : NULL;
  lrs_tensor *handle = NULL;
  if (copy || hindrance != NULL) {
    if (!may_copy && size > 0) {
      PyErr_Format(PyExc_BufferError, "from_dlpack: x: has %s, and copy=False; allowed: copy=None or True",
                   hindrance);
      return NULL;
    }
    return copy_of(core, &handle, array, dtype, data, size) < 0 ? NULL : tensor_wrap(core, handle);
  }
  lrs_status status = lrs_tensor_share(&handle, dtype, array->rank, array->shape, data,
                                       form == VERSIONED ? let_go_versioned : let_go, managed);
  if (check(core, status) < 0) return NULL;
  /* it cannot fail for a valid capsule, and from here on the tensor lets go */
  PyCapsule_SetName(arguments[0], used_names[form]);
  return tensor_wrap(core, handle);
}

/* ---- to others ---- */

/* What a capsule points to: one allocation, the lengths and strides after the struct. */
typedef struct {
  union {
    Managed legacy;
    ManagedVersioned versioned;
  } managed;
  PyObject *tensor;
  lrs_tensor *handle;
  int64_t extents[];
} Export;

static void export_end(Export *export) {
  /* whoever used the memory may be a thread without the GIL, or outlive Python */
  if (!Py_IsInitialized()) return;
  PyGILState_STATE gil = PyGILState_Ensure();
  lrs_tensor_take_back(export->handle);
  Py_DECREF(export->tensor);
  PyMem_Free(export);
  PyGILState_Release(gil);
}

static void export_release(Managed *managed) { export_end(managed->context); }
static void export_release_versioned(ManagedVersioned *managed) { export_end(managed->context); }

/* A capsule that nobody took; one that was taken has another name. */
static void capsule_end(PyObject *capsule) {
  for (int form = LEGACY; form <= VERSIONED; form++) {
    if (!PyCapsule_IsValid(capsule, names[form])) continue;
    void *managed = PyCapsule_GetPointer(capsule, names[form]);
    export_end(form == VERSIONED ? ((ManagedVersioned *)managed)->context : ((Managed *)managed)->context);
  }
}

static Export *export_make(Core *core, PyObject *tensor, Array *array) {
  lrs_description about;
  void *data;
  lrs_tensor *handle = tensor_handle(core, tensor, "to_dlpack", "tensor");
  if (handle == NULL || check(core, lrs_tensor_describe(&about, handle)) < 0) return NULL;
  if (check(core, lrs_tensor_data(&data, handle)) < 0) return NULL;
  Export *export = PyMem_Calloc(1, sizeof *export + 2 * (size_t)about.rank * sizeof(int64_t));
  if (export == NULL) {
    PyErr_NoMemory();
    return NULL;
  }
  if (check(core, lrs_tensor_lend(handle)) < 0) {
    PyMem_Free(export);
    return NULL;
  }
  export->handle = handle;
  int64_t *strides = export->extents + about.rank, step = 1;
  for (int32_t axis = about.rank - 1; axis >= 0; axis--) {
    export->extents[axis] = about.shape[axis];
    strides[axis] = about.strides == NULL ? step : about.strides[axis];
    step *= about.shape[axis];
  }
  export->tensor = Py_NewRef(tensor);
  *array = (Array){data, {CPU, 0}, about.rank, types[about.dtype], export->extents, strides, 0};
  return export;
}

/* to_dlpack(tensor, versioned, copied, /): copied says that nobody else has the memory. */
PyObject *dlpack_give(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
  Core *core = PyModule_GetState(module);
  bool versioned, copied;
  Array array;
  if (check_count(core, "to_dlpack", count, 3, 3) < 0) return NULL;
  if (flag_of(core, &versioned, arguments[1], "to_dlpack", "versioned") < 0) return NULL;
  if (flag_of(core, &copied, arguments[2], "to_dlpack", "copied") < 0) return NULL;
  Export *export = export_make(core, arguments[0], &array);
  if (export == NULL) return NULL;
  if (versioned) {
    export->managed.versioned =
        (ManagedVersioned){1, 0, export, export_release_versioned, copied ? IS_COPIED : 0, array};
  } else {
    export->managed.legacy = (Managed){array, export, export_release};
  }
  PyObject *capsule = PyCapsule_New(&export->managed, names[versioned], capsule_end);
  if (capsule == NULL) export_end(export);
  return capsule;
}
