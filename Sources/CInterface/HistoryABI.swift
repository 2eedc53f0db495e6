import Adaptation
import Autodiff
import CLRSwift
import Training
import Vocabulary

@c @implementation
public func lrs_optimizer_record(_ optimizer: OpaquePointer!, _ capacity: Int32) -> lrs_status {
  succeeds { try object(optimizer, Optimizer.self, "optimizer").record(capacity: Int(capacity)) }
}

@c @implementation
public func lrs_optimizer_guard(
  _ optimizer: OpaquePointer!, _ mode: Int32, _ explode: Double, _ buffers: UnsafePointer<OpaquePointer?>!,
  _ count: Int
) -> lrs_status {
  succeeds {
    guard let mode = GuardMode(rawValue: Int(mode)) else {
      throw Failure.value("guard: mode must be 0, 1 or 2, got \(mode)")
    }
    try object(optimizer, Optimizer.self, "optimizer").setGuard(
      mode, explode: explode, buffers: try arrays(buffers, count, "buffers"))
  }
}

@c @implementation
public func lrs_optimizer_history(
  _ out: UnsafeMutablePointer<OpaquePointer?>!, _ fields: UnsafeMutablePointer<UnsafePointer<CChar>?>!,
  _ optimizer: OpaquePointer!
) -> lrs_status {
  succeeds {
    let (out, fields) = (try place(out, "out"), try place(fields, "fields"))
    let history = try object(optimizer, Optimizer.self, "optimizer").history
    texts.set(Optimizer.recordFields.joined(separator: ","))
    fields.pointee = texts.get()
    let width = Optimizer.recordFields.count
    out.pointee = handle(try doubles(history, shape: [history.count / width, width]))
  }
}

@c @implementation
public func lrs_replay(
  _ out: UnsafeMutablePointer<OpaquePointer?>!, _ rate: UnsafePointer<CChar>!,
  _ list: UnsafePointer<lrs_attribute>!,
  _ attribute_count: Int, _ history: OpaquePointer!, _ machine: Int32
) -> lrs_status {
  succeeds {
    let out = try place(out, "out")
    let name = try text(rate, "rate")
    let rows = try tensor(history, "history").dense()
    guard rows.dtype == .float64, rows.rank == 2, rows.shape[1] == Optimizer.recordFields.count else {
      throw Failure.shape(
        "history must be float64 [rows, \(Optimizer.recordFields.count)], got \(describe(rows.shape)) of "
          + rows.dtype.name)
    }
    let values = withExtendedLifetime(rows) {
      Array(UnsafeBufferPointer(start: rows.pointer.assumingMemoryBound(to: Double.self), count: rows.count))
    }
    let rates = try replay(name, try attributes(name, list, attribute_count), values, machine: Int(machine))
    out.pointee = handle(try doubles(rates, shape: [rates.count]))
  }
}
