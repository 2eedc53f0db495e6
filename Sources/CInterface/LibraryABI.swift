import Autodiff
import CLRSwift
import CVector
import Kernels
import Vocabulary

@c @implementation
public func lrs_version() -> UnsafePointer<CChar>! {
  texts.set("0.1.0")
  return texts.get()
}

@c @implementation
public func lrs_catalogue(_ out: UnsafeMutablePointer<UnsafePointer<CChar>?>!, _ kind: UnsafePointer<CChar>!)
  -> lrs_status
{
  succeeds {
    let out = try place(out, "out")
    texts.set(try catalogueJSON(try text(kind, "kind")))
    out.pointee = texts.get()
  }
}

@c @implementation
public func lrs_set_threads(_ count: Int32) -> lrs_status {
  succeeds {
    guard count >= 1, count <= 1024 else {
      throw Failure.value("the number of threads must be between 1 and 1024, got \(count)")
    }
    ThreadPool.shared.threads = Int(count)
  }
}

@c @implementation
public func lrs_get_threads() -> Int32 { Int32(ThreadPool.shared.threads) }

@c @implementation
public func lrs_memory(
  _ now: UnsafeMutablePointer<Int64>!, _ peak: UnsafeMutablePointer<Int64>!, _ reset: Bool
) {
  let use = MemoryUse.measure(reset: reset)
  now?.pointee = Int64(use.now)
  peak?.pointee = Int64(use.peak)
}

@c @implementation
public func lrs_process_number() -> Int32 { Int32(truncatingIfNeeded: ForkGate.shared.generation + 1) }

@c @implementation
public func lrs_refuse_memory(_ small: Bool, _ first: Int64, _ count: Int64) -> Int64 {
  cv_refuse(small, first, count)
}

@c @implementation
public func lrs_set_grad_enabled(_ enabled: Bool) -> Bool {
  defer { Context.gradientsEnabled = enabled }
  return Context.gradientsEnabled
}

@c @implementation
public func lrs_get_grad_enabled() -> Bool { Context.gradientsEnabled }

@c @implementation
public func lrs_random_set(_ seed: UInt64, _ offset: UInt64) {
  Context.seed = seed
  Context.stream = offset
}

@c @implementation
public func lrs_random_get(_ seed: UnsafeMutablePointer<UInt64>!, _ offset: UnsafeMutablePointer<UInt64>!) {
  seed?.pointee = Context.seed
  offset?.pointee = Context.stream
}

private func precision(_ given: Attributes) throws -> DType {
  try given.flag("double", default: false) ? .float64 : .float32
}

@c @implementation
public func lrs_measure(
  _ seconds: UnsafeMutablePointer<Double>!, _ operations: UnsafeMutablePointer<Double>!,
  _ what: UnsafePointer<CChar>!, _ list: UnsafePointer<lrs_attribute>!, _ attribute_count: Int
) -> lrs_status {
  succeeds {
    let (seconds, operations) = (try place(seconds, "seconds"), try place(operations, "operations"))
    let given = try attributes("measure", list, attribute_count)
    let result: Measure.Result
    switch try text(what, "what") {
    case "multiply_adds":
      try given.allow(["rounds", "double", "processor"])
      result = Measure.multiplyAdds(
        rounds: max(0, try given.integer("rounds")), dtype: try precision(given),
        processor: try given.flag("processor", default: false))
    case "gemm":
      try given.allow([
        "kernels", "m", "n", "k", "transpose_a", "transpose_b", "accumulate", "repeats", "double",
        "processor",
      ])
      result = try Measure.gemm(
        given.text("kernels"), transposeA: given.flag("transpose_a", default: false),
        transposeB: given.flag("transpose_b", default: false), m: given.integer("m"), n: given.integer("n"),
        k: given.integer("k"), accumulate: given.flag("accumulate", default: false),
        repeats: given.integer("repeats", default: 1), dtype: precision(given),
        processor: given.flag("processor", default: false))
    case "stream":
      try given.allow(["kind", "count", "repeats", "processor"])
      result = try Measure.stream(
        given.text("kind"), count: given.integer("count"), repeats: given.integer("repeats", default: 1),
        processor: given.flag("processor", default: false))
    case let other:
      throw Failure.value("measure: there is no '\(other)'; known: multiply_adds, gemm, stream")
    }
    (seconds.pointee, operations.pointee) = (result.seconds, result.operations)
  }
}
