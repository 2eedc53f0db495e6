import Autodiff
import CLRSwift
import Kernels
import Vocabulary

func tensor(_ handle: OpaquePointer?, _ name: @autoclosure () -> String = "tensor") throws -> Tensor {
  try object(handle, Tensor.self, name())
}

func tensors(_ handles: UnsafePointer<OpaquePointer?>?, _ count: Int, _ name: String) throws -> [Tensor] {
  try objects(handles, count, Tensor.self, name)
}

/// Their values in row-major arrays, which is all that is read from them.
func values(_ handles: UnsafePointer<OpaquePointer?>?, _ count: Int, _ name: String) throws -> [Tensor] {
  try tensors(handles, count, name).map { try $0.dense() }
}

/// Tensors that are written to where they are.
func arrays(_ handles: UnsafePointer<OpaquePointer?>?, _ count: Int, _ name: String) throws -> [Tensor] {
  let given = try tensors(handles, count, name)
  if let i = given.firstIndex(where: { $0.strides != nil }) {
    throw Failure.value("\(name)[\(i)] must be row-major, and not a transposed view")
  }
  return given
}

func handle(_ tensor: Tensor) -> OpaquePointer {
  tensor.storage.hold()
  return retain(tensor)
}

func doubles(_ values: [Double], shape: [Int]) throws -> Tensor {
  let tensor = try Tensor(shape: shape, dtype: .float64)
  values.withUnsafeBytes {
    if let base = $0.baseAddress { tensor.pointer.copyMemory(from: base, byteCount: $0.count) }
  }
  return tensor
}

@c @implementation
public func lrs_tensor_create(
  _ out: UnsafeMutablePointer<OpaquePointer?>!, _ dtype: lrs_dtype, _ rank: Int32,
  _ shape: UnsafePointer<Int64>!,
  _ data: UnsafeRawPointer!, _ requires_grad: Bool
) -> lrs_status {
  succeeds {
    let out = try place(out, "out")
    let (type, extents) = try described(dtype, rank, shape)
    guard !requires_grad || type.isFloating else {
      throw Failure.type("only float32 and float64 tensors can require gradients, got \(type.name)")
    }
    let tensor = try data == nil ? Tensor(zeros: extents, dtype: type) : Tensor(shape: extents, dtype: type)
    if let data { tensor.pointer.copyMemory(from: data, byteCount: tensor.byteCount) }
    tensor.requiresGrad = requires_grad
    out.pointee = handle(tensor)
  }
}

/// The dtype and the shape that a caller names, checked.
private func described(_ dtype: lrs_dtype, _ rank: Int32, _ shape: UnsafePointer<Int64>?) throws -> (
  DType, [Int]
) {
  guard let type = DType(rawValue: dtype) else { throw Failure.type("there is no dtype \(dtype)") }
  guard rank >= 0, rank <= 16 else {
    throw Failure.shape("a tensor has between 0 and 16 axes, got \(rank)")
  }
  if rank > 0 && shape == nil { throw Failure.value("shape must not be NULL") }
  let extents = (0..<Int(rank)).map { Int(shape![$0]) }
  try checkRoom(extents, type)
  return (type, extents)
}

@c @implementation
public func lrs_tensor_share(
  _ out: UnsafeMutablePointer<OpaquePointer?>!, _ dtype: lrs_dtype, _ rank: Int32,
  _ shape: UnsafePointer<Int64>!, _ data: UnsafeMutableRawPointer!,
  _ release: (@convention(c) (UnsafeMutableRawPointer?) -> Void)!, _ context: UnsafeMutableRawPointer!
) -> lrs_status {
  succeeds {
    let out = try place(out, "out")
    let (type, extents) = try described(dtype, rank, shape)
    guard let data else { throw Failure.value("data must not be NULL") }
    guard let release else { throw Failure.value("release must not be NULL") }
    guard Int(bitPattern: data) % type.byteCount == 0 else {
      throw Failure.value("data must be aligned to the \(type.byteCount) bytes of \(type.name)")
    }
    let bytes = extents.reduce(1, *) * type.byteCount
    nonisolated(unsafe) let context = context
    let storage = Storage(sharing: data, byteCount: bytes) { release(context) }
    out.pointee = handle(Tensor(shape: extents, dtype: type, storage: storage))
  }
}

@c @implementation
public func lrs_tensor_destroy(_ tensor: OpaquePointer!) {
  guard let tensor else { return }
  let owned = Unmanaged<Tensor>.fromOpaque(UnsafeRawPointer(tensor))
  owned._withUnsafeGuaranteedRef(Recorder.letGo)
  owned.release()
}

@c @implementation
public func lrs_tensor_describe(_ out: UnsafeMutablePointer<lrs_description>!, _ tensor: OpaquePointer!)
  -> lrs_status
{
  succeeds {
    let t = try CInterface.tensor(tensor)
    try place(out, "out").pointee = lrs_description(
      dtype: t.dtype.rawValue, rank: Int32(t.rank), shape: t.extents, strides: t.steps, size: Int64(t.count),
      requires_grad: t.requiresGrad, is_leaf: t.isLeaf)
  }
}

@c @implementation
public func lrs_tensor_dtype(_ tensor: OpaquePointer!) -> lrs_dtype {
  (try? CInterface.tensor(tensor))?.dtype.rawValue ?? -1
}

@c @implementation
public func lrs_tensor_data(
  _ out: UnsafeMutablePointer<UnsafeMutableRawPointer?>!, _ tensor: OpaquePointer!
) -> lrs_status {
  succeeds {
    let t = try CInterface.tensor(tensor)
    guard !Context.isRecording else {
      throw Failure(
        .recording,
        "a tensor's value cannot be read while a program is recorded: the value of another batch would differ"
      )
    }
    try place(out, "out").pointee = t.pointer
  }
}

@c @implementation
public func lrs_tensor_lend(_ tensor: OpaquePointer!) -> lrs_status {
  succeeds { try CInterface.tensor(tensor).storage.share() }
}

@c @implementation
public func lrs_tensor_take_back(_ tensor: OpaquePointer!) {
  try? CInterface.tensor(tensor).storage.leave()
}

@c @implementation
public func lrs_tensor_detach(_ out: UnsafeMutablePointer<OpaquePointer?>!, _ tensor: OpaquePointer!)
  -> lrs_status
{
  succeeds { try place(out, "out").pointee = handle(try CInterface.tensor(tensor).detached()) }
}

@c @implementation
public func lrs_tensor_assign(_ tensor: OpaquePointer!, _ source: OpaquePointer!) -> lrs_status {
  succeeds {
    let (t, source) = (try CInterface.tensor(tensor), try CInterface.tensor(source, "source"))
    try Claim.check("assign", [t])
    try t.assign(source)
  }
}

@c @implementation
public func lrs_tensor_set_requires_grad(_ tensor: OpaquePointer!, _ requires_grad: Bool) -> lrs_status {
  succeeds {
    let t = try CInterface.tensor(tensor)
    guard !requires_grad || t.dtype.isFloating else {
      throw Failure.type("only float32 and float64 tensors can require gradients, got \(t.dtype.name)")
    }
    guard t.isLeaf || requires_grad else {
      throw Failure.value("requires_grad can be turned off for leaf tensors only; use detach()")
    }
    guard !requires_grad || t.strides == nil || !t.isLeaf else {
      throw Failure.value(
        "requires_grad: a transposed view shares the memory of another tensor and cannot be learned; clone() it first"
      )
    }
    try Claim.check("requires_grad", [t])
    t.requiresGrad = requires_grad
  }
}

@c @implementation
public func lrs_tensor_get_grad(_ out: UnsafeMutablePointer<OpaquePointer?>!, _ tensor: OpaquePointer!)
  -> lrs_status
{
  succeeds {
    let t = try CInterface.tensor(tensor)
    try Claim.check("grad", [t])
    try place(out, "out").pointee = t.grad.map(handle)
  }
}

@c @implementation
public func lrs_tensor_set_grad(_ tensor: OpaquePointer!, _ gradient: OpaquePointer!) -> lrs_status {
  succeeds {
    let t = try CInterface.tensor(tensor)
    let g = gradient == nil ? nil : try CInterface.tensor(gradient, "gradient").dense()
    if let g, g.shape != t.shape || g.dtype != t.dtype {
      throw Failure.shape(
        "grad must have shape \(describe(t.shape)) and dtype \(t.dtype.name), got \(describe(g.shape)) and "
          + g.dtype.name)
    }
    try Claim.check("grad", [t])
    // what backward adds to must not be the value itself
    guard let g, g.storage.whole === t.storage.whole else {
      t.grad = g
      return
    }
    t.grad = Tensor(shape: g.shape, dtype: g.dtype, storage: try g.storage.copy())
  }
}

@c @implementation
public func lrs_apply(
  _ out: UnsafeMutablePointer<OpaquePointer?>!, _ operation: UnsafePointer<CChar>!,
  _ inputs: UnsafePointer<OpaquePointer?>!, _ input_count: Int, _ list: UnsafePointer<lrs_attribute>!,
  _ attribute_count: Int
) -> lrs_status {
  succeeds {
    let operation = try Catalogue.operations[Catalogue.number(text(operation, "operation"))]
    try apply(operation, inputs, input_count, list, attribute_count, place(out, "out"))
  }
}

@c @implementation
public func lrs_operation_number(_ out: UnsafeMutablePointer<Int32>!, _ operation: UnsafePointer<CChar>!)
  -> lrs_status
{
  succeeds { try place(out, "out").pointee = Int32(Catalogue.number(text(operation, "operation"))) }
}

@c @implementation
public func lrs_apply_number(
  _ out: UnsafeMutablePointer<OpaquePointer?>!, _ operation: Int32,
  _ inputs: UnsafePointer<OpaquePointer?>!, _ input_count: Int, _ list: UnsafePointer<lrs_attribute>!,
  _ attribute_count: Int
) -> lrs_status {
  succeeds {
    let number = Int(operation)
    guard Catalogue.operations.indices.contains(number) else {
      throw Failure.value("there is no operation of number \(number)")
    }
    try apply(
      Catalogue.operations[number], inputs, input_count, list, attribute_count, place(out, "out"))
  }
}

private func apply(
  _ operation: Operation, _ inputs: UnsafePointer<OpaquePointer?>?, _ count: Int,
  _ list: UnsafePointer<lrs_attribute>?, _ attributeCount: Int, _ out: UnsafeMutablePointer<OpaquePointer?>
) throws {
  let arguments = try attributes(operation.name, list, attributeCount)
  out.pointee = handle(try operation.apply(tensors(inputs, count, "inputs"), arguments.values))
}

@c @implementation
public func lrs_backward(_ output: OpaquePointer!, _ seed: OpaquePointer!) -> lrs_status {
  succeeds {
    try Derivatives.backward(try tensor(output, "output"), seed: seed == nil ? nil : try tensor(seed, "seed"))
  }
}

@c @implementation
public func lrs_gradients(
  _ outs: UnsafeMutablePointer<OpaquePointer?>!, _ output: OpaquePointer!, _ seed: OpaquePointer!,
  _ with_respect_to: UnsafePointer<OpaquePointer?>!, _ count: Int
) -> lrs_status {
  succeeds {
    let outs = try place(outs, "outs")
    let results = try Derivatives.gradients(
      try tensor(output, "output"), seed: seed == nil ? nil : try tensor(seed, "seed"),
      try tensors(with_respect_to, count, "with_respect_to"))
    for (i, result) in results.enumerated() { outs[i] = result.map(handle) }
  }
}

@c @implementation
public func lrs_jvp(
  _ out: UnsafeMutablePointer<OpaquePointer?>!, _ output: OpaquePointer!,
  _ inputs: UnsafePointer<OpaquePointer?>!,
  _ tangents: UnsafePointer<OpaquePointer?>!, _ count: Int
) -> lrs_status {
  succeeds {
    let result = try Derivatives.jvp(
      try tensor(output, "output"), try tensors(inputs, count, "inputs"),
      try tensors(tangents, count, "tangents"))
    try place(out, "out").pointee = handle(result)
  }
}

@c @implementation
public func lrs_hvp(
  _ outs: UnsafeMutablePointer<OpaquePointer?>!, _ output: OpaquePointer!,
  _ inputs: UnsafePointer<OpaquePointer?>!,
  _ vectors: UnsafePointer<OpaquePointer?>!, _ count: Int
) -> lrs_status {
  succeeds {
    let outs = try place(outs, "outs")
    let results = try Derivatives.hvp(
      try tensor(output, "output"), try tensors(inputs, count, "inputs"),
      try tensors(vectors, count, "vectors"))
    for (i, result) in results.enumerated() { outs[i] = handle(result) }
  }
}
