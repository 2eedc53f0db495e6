import Adaptation
import CLRSwift
import Vocabulary

private func machine(_ handle: OpaquePointer?) throws -> ScalarMachine {
  try object(handle, ScalarMachine.self, "machine")
}

private func write(_ decision: Decision, to out: UnsafeMutablePointer<lrs_decision>) {
  out.pointee = lrs_decision(kind: decision.kind.rawValue, value: decision.number)
}

@c @implementation
public func lrs_machine_create(
  _ out: UnsafeMutablePointer<OpaquePointer?>!, _ rate: UnsafePointer<CChar>!,
  _ list: UnsafePointer<lrs_attribute>!, _ count: Int
) -> lrs_status {
  succeeds {
    let out = try place(out, "out")
    let name = try text(rate, "rate")
    out.pointee = retain(try ScalarMachine(name, try attributes(name, list, count)))
  }
}

@c @implementation
public func lrs_machine_destroy(_ machine: OpaquePointer!) { release(machine, ScalarMachine.self) }

@c @implementation
public func lrs_machine_clone(
  _ out: UnsafeMutablePointer<OpaquePointer?>!, _ handle: OpaquePointer!
) -> lrs_status {
  succeeds { try place(out, "out").pointee = retain(try machine(handle).clone()) }
}

@c @implementation
public func lrs_machine_check(_ handle: OpaquePointer!, _ loss: Double) -> lrs_status {
  succeeds { try machine(handle).check(loss: loss) }
}

@c @implementation
public func lrs_machine_begin(
  _ out: UnsafeMutablePointer<lrs_decision>!, _ handle: OpaquePointer!,
  _ list: UnsafePointer<lrs_attribute>!, _ count: Int
) -> lrs_status {
  succeeds {
    let out = try place(out, "out")
    write(try machine(handle).begin(try attributes("begin", list, count)), to: out)
  }
}

@c @implementation
public func lrs_machine_answer(
  _ out: UnsafeMutablePointer<lrs_decision>!, _ handle: OpaquePointer!,
  _ list: UnsafePointer<lrs_attribute>!, _ count: Int
) -> lrs_status {
  succeeds {
    let out = try place(out, "out")
    write(try machine(handle).answer(try attributes("answer", list, count)), to: out)
  }
}

@c @implementation
public func lrs_machine_prepare(
  _ out: UnsafeMutablePointer<lrs_pass>!, _ goes: UnsafeMutablePointer<Bool>!, _ handle: OpaquePointer!,
  _ list: UnsafePointer<lrs_attribute>!, _ count: Int
) -> lrs_status {
  succeeds {
    let (out, goes) = (try place(out, "out"), try place(goes, "goes"))
    let pass = try machine(handle).prepare(try attributes("prepare", list, count))
    out.pointee = lrs_pass(pass ?? PassScalars())
    goes.pointee = pass != nil
  }
}

@c @implementation
public func lrs_machine_conclude(
  _ out: UnsafeMutablePointer<lrs_decision>!, _ second: UnsafeMutablePointer<lrs_pass>!,
  _ handle: OpaquePointer!, _ list: UnsafePointer<lrs_attribute>!, _ count: Int
) -> lrs_status {
  succeeds {
    let (out, second) = (try place(out, "out"), try place(second, "second"))
    let (rate, pass) = try machine(handle).conclude(try attributes("conclude", list, count))
    write(rate.map(Decision.take) ?? .stay, to: out)
    second.pointee = lrs_pass(pass)
  }
}

extension lrs_pass {
  init(_ pass: PassScalars) {
    self.init(rate: pass.rate, scale: pass.scale, weight: pass.weight, memory: pass.memory)
  }

  var scalars: PassScalars {
    var pass = PassScalars()
    (pass.rate, pass.scale, pass.weight, pass.memory) = (rate, scale, weight, memory)
    return pass
  }
}

@c @implementation
public func lrs_machine_abort(_ handle: OpaquePointer!) { try? machine(handle).abort() }

@c @implementation
public func lrs_machine_get(
  _ out: UnsafeMutablePointer<Double>!, _ handle: OpaquePointer!, _ key: UnsafePointer<CChar>!
) -> lrs_status {
  succeeds { try place(out, "out").pointee = try machine(handle).property(try text(key, "key")) }
}

@c @implementation
public func lrs_machine_set(
  _ handle: OpaquePointer!, _ key: UnsafePointer<CChar>!, _ value: Double
) -> lrs_status {
  succeeds {
    let machine = try machine(handle)
    switch try text(key, "key") {
    case "finish": try machine.finish(steps: value)
    case "undone": machine.note(undone: value != 0)
    case let other: throw Failure.value("'\(other)' of a rate machine cannot be set")
    }
  }
}

@c @implementation
public func lrs_machine_guard(
  _ handle: OpaquePointer!, _ mode: Int32, _ explode: Double, _ every: Double
) -> lrs_status {
  succeeds {
    guard let mode = GuardMode(rawValue: Int(mode)) else {
      throw Failure.value("guard: mode must be 0, 1 or 2, got \(mode)")
    }
    try machine(handle).setGuard(mode, explode: explode, every: every)
  }
}

@c @implementation
public func lrs_machine_judge(
  _ out: UnsafeMutablePointer<Int32>!, _ handle: OpaquePointer!, _ list: UnsafePointer<lrs_attribute>!,
  _ count: Int
) -> lrs_status {
  succeeds {
    let out = try place(out, "out")
    out.pointee = Int32(try machine(handle).judge(try attributes("judge", list, count)).rawValue)
  }
}

@c @implementation
public func lrs_machine_factor(
  _ out: UnsafeMutablePointer<Double>!, _ handle: OpaquePointer!, _ step: Double
) -> lrs_status {
  succeeds {
    guard let whole = wholeNumber(step), whole >= 0 else {
      throw Failure.value("step must be \(Bounds.countOrZero), got \(step)")
    }
    try place(out, "out").pointee = try machine(handle).factor(step: whole)
  }
}

@c @implementation
public func lrs_machine_state(
  _ out: UnsafeMutablePointer<Double>!, _ name: UnsafeMutablePointer<UnsafePointer<CChar>?>!,
  _ handle: OpaquePointer!, _ index: Int
) -> lrs_status {
  succeeds {
    let (out, name) = (try place(out, "out"), try place(name, "name"))
    let entries = try machine(handle).state
    (out.pointee, name.pointee) = (0, nil)
    guard entries.indices.contains(index) else { return }
    texts.set(entries[index].name)
    name.pointee = texts.get()
    out.pointee = entries[index].value
  }
}

@c @implementation
public func lrs_machine_load(
  _ handle: OpaquePointer!, _ list: UnsafePointer<lrs_attribute>!, _ count: Int
) -> lrs_status {
  succeeds { try machine(handle).load(try attributes("load", list, count)) }
}
