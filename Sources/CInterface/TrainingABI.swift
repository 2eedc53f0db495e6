import Adaptation
import Autodiff
import CLRSwift
import Training
import Vocabulary

// MARK: - Programs

@c @implementation
public func lrs_record_begin(_ inputs: UnsafePointer<OpaquePointer?>!, _ count: Int) -> lrs_status {
  succeeds { try Recorder.begin(try arrays(inputs, count, "inputs")) }
}

@c @implementation
public func lrs_record_end(
  _ out: UnsafeMutablePointer<OpaquePointer?>!, _ outputs: UnsafePointer<OpaquePointer?>!, _ count: Int
) -> lrs_status {
  succeeds {
    try place(out, "out").pointee = retain(try Recorder.end(try tensors(outputs, count, "outputs")))
  }
}

@c @implementation
public func lrs_record_abort() { Recorder.abort() }

@c @implementation
public func lrs_program_destroy(_ program: OpaquePointer!) { release(program, Program.self) }

func batches(
  _ data: UnsafePointer<OpaquePointer?>?, _ count: Int, _ indices: UnsafePointer<Int64>?, _ steps: Int,
  _ batch: Int,
  _ seconds: Double
) throws -> Batches {
  guard let indices else { throw Failure.value("indices must not be NULL") }
  try checkCount(steps, "steps")
  try checkCount(batch, "batch")
  return Batches(
    data: try values(data, count, "data"), indices: indices, steps: steps, batch: batch, seconds: seconds)
}

@c @implementation
public func lrs_program_run(
  _ steps_done: UnsafeMutablePointer<Int>!, _ losses: UnsafeMutablePointer<Double>!,
  _ rates: UnsafeMutablePointer<Double>!, _ program: OpaquePointer!, _ optimizer: OpaquePointer!,
  _ data: UnsafePointer<OpaquePointer?>!, _ data_count: Int, _ indices: UnsafePointer<Int64>!,
  _ step_count: Int,
  _ batch: Int, _ seconds: Double
) -> lrs_status {
  succeeds {
    let done = try place(steps_done, "steps_done")
    done.pointee = 0
    let (losses, rates) = (try place(losses, "losses"), try place(rates, "rates"))
    let program = try object(program, Program.self, "program")
    let optimizer = optimizer == nil ? nil : try object(optimizer, Optimizer.self, "optimizer")
    try program.run(
      optimizer, try batches(data, data_count, indices, step_count, batch, seconds), done: &done.pointee,
      losses: losses, rates: rates)
  }
}

// MARK: - Optimizers

@c @implementation
public func lrs_optimizer_create(
  _ out: UnsafeMutablePointer<OpaquePointer?>!, _ direction: UnsafePointer<CChar>!,
  _ direction_attributes: UnsafePointer<lrs_attribute>!, _ direction_count: Int,
  _ rate: UnsafePointer<CChar>!,
  _ rate_attributes: UnsafePointer<lrs_attribute>!, _ rate_count: Int
) -> lrs_status {
  succeeds {
    let out = try place(out, "out")
    let (direction, rate) = (try text(direction, "direction"), try text(rate, "rate"))
    let optimizer = try Optimizer(
      direction: direction, try attributes(direction, direction_attributes, direction_count), rate: rate,
      try attributes(rate, rate_attributes, rate_count))
    out.pointee = retain(optimizer)
  }
}

@c @implementation
public func lrs_optimizer_destroy(_ optimizer: OpaquePointer!) { release(optimizer, Optimizer.self) }

@c @implementation
public func lrs_optimizer_add_group(
  _ optimizer: OpaquePointer!, _ parameters: UnsafePointer<OpaquePointer?>!,
  _ names: UnsafePointer<UnsafePointer<CChar>?>!, _ count: Int, _ list: UnsafePointer<lrs_attribute>!,
  _ attribute_count: Int
) -> lrs_status {
  succeeds {
    let optimizer = try object(optimizer, Optimizer.self, "optimizer")
    let parameters = try arrays(parameters, count, "parameters")
    if count > 0 && names == nil { throw Failure.value("names must not be NULL") }
    let names = try (0..<count).map { try text(names[$0], "names[\($0)]") }
    try optimizer.addGroup(parameters, names: names, try attributes("group", list, attribute_count))
  }
}

private func write(_ request: Optimizer.Request, to out: UnsafeMutablePointer<lrs_request>) {
  out.pointee = lrs_request(
    kind: request.kind.rawValue, skipped: request.skipped, rate: request.rate, low: request.low,
    high: request.high)
}

@c @implementation
public func lrs_optimizer_begin(
  _ out: UnsafeMutablePointer<lrs_request>!, _ optimizer: OpaquePointer!, _ loss: Double, _ may_probe: Bool
) -> lrs_status {
  succeeds {
    let out = try place(out, "out")
    write(try object(optimizer, Optimizer.self, "optimizer").begin(loss: loss, mayProbe: may_probe), to: out)
  }
}

@c @implementation
public func lrs_optimizer_answer(
  _ out: UnsafeMutablePointer<lrs_request>!, _ optimizer: OpaquePointer!, _ loss: Double
) -> lrs_status {
  succeeds {
    let out = try place(out, "out")
    write(try object(optimizer, Optimizer.self, "optimizer").answer(loss: loss), to: out)
  }
}

@c @implementation
public func lrs_optimizer_answer_curvature(
  _ out: UnsafeMutablePointer<lrs_request>!, _ optimizer: OpaquePointer!, _ loss: OpaquePointer!
) -> lrs_status {
  succeeds {
    let out = try place(out, "out")
    let optimizer = try object(optimizer, Optimizer.self, "optimizer")
    write(try optimizer.answer(curvatureOf: try tensor(loss, "loss")), to: out)
  }
}

@c @implementation
public func lrs_optimizer_abort(_ optimizer: OpaquePointer!) {
  try? object(optimizer, Optimizer.self, "optimizer").abort()
}

@c @implementation
public func lrs_optimizer_hold(_ optimizer: OpaquePointer!, _ begins: Bool) -> lrs_status {
  succeeds { try object(optimizer, Optimizer.self, "optimizer").hold(begins) }
}

@c @implementation
public func lrs_optimizer_zero_grad(_ optimizer: OpaquePointer!) -> lrs_status {
  succeeds { try object(optimizer, Optimizer.self, "optimizer").zeroGrad() }
}

@c @implementation
public func lrs_optimizer_rates(
  _ rates: UnsafeMutablePointer<Double>!, _ count: Int, _ optimizer: OpaquePointer!
) -> lrs_status {
  succeeds {
    let values = try object(optimizer, Optimizer.self, "optimizer").rates
    try write(values, to: rates, "rates", count: count, owner: "optimizer", things: "parameters")
  }
}

@c @implementation
public func lrs_optimizer_get(
  _ out: UnsafeMutablePointer<Double>!, _ optimizer: OpaquePointer!, _ key: UnsafePointer<CChar>!
) -> lrs_status {
  succeeds {
    let optimizer = try object(optimizer, Optimizer.self, "optimizer")
    let out = try place(out, "out")
    out.pointee = try optimizer.property(try text(key, "key"))
  }
}

@c @implementation
public func lrs_optimizer_set(
  _ optimizer: OpaquePointer!, _ key: UnsafePointer<CChar>!, _ value: Double
) -> lrs_status {
  succeeds { try object(optimizer, Optimizer.self, "optimizer").setProperty(try text(key, "key"), value) }
}

@c @implementation
public func lrs_optimizer_state(
  _ out: UnsafeMutablePointer<OpaquePointer?>!, _ name: UnsafeMutablePointer<UnsafePointer<CChar>?>!,
  _ optimizer: OpaquePointer!, _ index: Int
) -> lrs_status {
  succeeds {
    let out = try place(out, "out")
    let name = try place(name, "name")
    let entries = try object(optimizer, Optimizer.self, "optimizer").state
    (out.pointee, name.pointee) = (nil, nil)
    guard entries.indices.contains(index) else { return }
    texts.set(entries[index].name)
    name.pointee = texts.get()
    out.pointee = handle(entries[index].value)
  }
}

@c @implementation
public func lrs_optimizer_load(
  _ optimizer: OpaquePointer!, _ names: UnsafePointer<UnsafePointer<CChar>?>!,
  _ values: UnsafePointer<OpaquePointer?>!, _ count: Int
) -> lrs_status {
  succeeds {
    let optimizer = try object(optimizer, Optimizer.self, "optimizer")
    let tensors = try CInterface.values(values, count, "values")
    var entries: [String: Tensor] = [:]
    if count > 0 && names == nil { throw Failure.value("names must not be NULL") }
    for (i, tensor) in tensors.enumerated() { entries[try text(names[i], "names[\(i)]")] = tensor }
    try optimizer.load(entries)
  }
}
