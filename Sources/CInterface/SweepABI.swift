import Autodiff
import CLRSwift
import Vocabulary

@c @implementation
public func lrs_sweep_create(
  _ out: UnsafeMutablePointer<OpaquePointer?>!, _ kind: UnsafePointer<CChar>!, _ output: OpaquePointer!,
  _ seed: OpaquePointer!, _ inputs: UnsafePointer<OpaquePointer?>!,
  _ directions: UnsafePointer<OpaquePointer?>!, _ count: Int
) -> lrs_status {
  succeeds {
    let out = try place(out, "out")
    let name = try text(kind, "kind")
    guard let kind = Sweep.Kind(rawValue: name) else {
      let known = Sweep.Kind.allCases.map(\.rawValue).joined(separator: ", ")
      throw Failure.value("kind must be one of \(known), got '\(name)'")
    }
    let stacked = kind == .jvp || kind == .hvp
    let sweep = try Sweep(
      kind, try tensor(output, "output"), seed: seed == nil ? nil : try tensor(seed, "seed"),
      try tensors(inputs, count, "inputs"), stacked ? try tensors(directions, count, "directions") : [])
    out.pointee = retain(sweep)
  }
}

@c @implementation
public func lrs_sweep_run(_ done: UnsafeMutablePointer<Bool>!, _ sweep: OpaquePointer!, _ seconds: Double)
  -> lrs_status
{
  succeeds {
    let done = try place(done, "done")
    done.pointee = false
    done.pointee = try object(sweep, Sweep.self, "sweep").advance(seconds: seconds)
  }
}

@c @implementation
public func lrs_sweep_found(
  _ outs: UnsafeMutablePointer<OpaquePointer?>!, _ count: Int, _ sweep: OpaquePointer!
) -> lrs_status {
  succeeds {
    let found = try object(sweep, Sweep.self, "sweep").found
    guard found.count == count else {
      throw Failure.value("the sweep has found \(found.count) tensors, room was given for \(count)")
    }
    if count == 0 { return }
    let outs = try place(outs, "outs")
    for (i, tensor) in found.enumerated() { outs[i] = tensor.map(handle) }
  }
}

@c @implementation
public func lrs_sweep_destroy(_ sweep: OpaquePointer!) { release(sweep, Sweep.self) }

@c @implementation
public func lrs_wait_for_sweeps(_ seconds: Double) -> Bool { Claim.waitForSweeps(seconds: seconds) }
