import Adaptation
import Autodiff
import CLRSwift
import Kernels
import Training
import Vocabulary

/// A search that Python drives by hand, or that a finder has taken over.
final class SearchHandle {
  var search: SBFSearch
  /// Of whoever has taken the search over with the rule "trials".
  var trials: RateTrials?
  init(_ search: SBFSearch) { self.search = search }

  func follow(_ machine: ALRSMachine) { (search, trials) = (machine.search, machine.trials) }
}

@c @implementation
public func lrs_search_create(
  _ out: UnsafeMutablePointer<OpaquePointer?>!, _ list: UnsafePointer<lrs_attribute>!, _ count: Int
) -> lrs_status {
  succeeds {
    let settings = try SBFSearch.card.read(try attributes("SBFSearch", list, count))
    try place(out, "out").pointee = retain(SearchHandle(SBFSearch(settings)))
  }
}

@c @implementation
public func lrs_search_destroy(_ search: OpaquePointer!) { release(search, SearchHandle.self) }

@c @implementation
public func lrs_search_signal(_ search: OpaquePointer!, _ direction: Int32) -> lrs_status {
  succeeds {
    let box = try object(search, SearchHandle.self, "search")
    guard direction == 1 || direction == -1 else {
      throw Failure.value("a signal is +1 (increase) or -1 (decrease), got \(direction)")
    }
    try box.search.signal(Double(direction))
  }
}

@c @implementation
public func lrs_search_get(
  _ out: UnsafeMutablePointer<Double>!, _ search: OpaquePointer!, _ key: UnsafePointer<CChar>!
) -> lrs_status {
  succeeds {
    let box = try object(search, SearchHandle.self, "search")
    let search = box.search
    let key = try text(key, "key")
    let out = try place(out, "out")
    switch key {
    case "value": out.pointee = box.trials?.value ?? search.value
    case "done": out.pointee = box.trials?.isDone ?? search.isDone ? 1 : 0
    case "signals": out.pointee = Double(search.signals)
    case "phase": out.pointee = Double(search.phase.rawValue)
    case "lower": out.pointee = search.lower
    case "upper": out.pointee = search.upper
    case "found": out.pointee = box.trials?.found ?? search.value
    case "reliable": out.pointee = box.trials?.isReliable ?? search.isDone ? 1 : 0
    case "length": out.pointee = Double(RateTrials.length)
    case "asked": out.pointee = Double(search.asked)
    case "position": out.pointee = Double(box.trials?.position ?? 0)
    default: throw Failure.value("a search has no '\(key)'")
    }
  }
}

@c @implementation
public func lrs_search_go_on(_ search: OpaquePointer!, _ value: Double, _ done: Bool) -> lrs_status {
  succeeds { try object(search, SearchHandle.self, "search").search.go(on: value, done: done) }
}

// MARK: - ALRS, for vectors that live elsewhere

/// ALRS advances the search it was given.
private final class ALRSHandle {
  var machine: ALRSMachine
  let search: SearchHandle
  init(_ machine: ALRSMachine, _ search: SearchHandle) {
    self.machine = machine
    self.search = search
  }
}

@c @implementation
public func lrs_alrs_create(
  _ out: UnsafeMutablePointer<OpaquePointer?>!, _ search: OpaquePointer!,
  _ list: UnsafePointer<lrs_attribute>!, _ count: Int
) -> lrs_status {
  succeeds {
    let out = try place(out, "out")
    let box = try object(search, SearchHandle.self, "search")
    let machine = try ALRSMachine(box.search, try attributes("find_lr", list, count))
    box.follow(machine)
    out.pointee = retain(ALRSHandle(machine, box))
  }
}

@c @implementation
public func lrs_alrs_destroy(_ alrs: OpaquePointer!) { release(alrs, ALRSHandle.self) }

@c @implementation
public func lrs_alrs_see(
  _ alrs: OpaquePointer!, _ gradient2: Double, _ slope: Double, _ direction2: Double, _ entries: Double
) -> lrs_status {
  succeeds {
    try object(alrs, ALRSHandle.self, "alrs").machine.see(
      gradient2: gradient2, slope: slope, direction2: direction2, entries: entries)
  }
}

@c @implementation
public func lrs_alrs_observe(
  _ out: UnsafeMutablePointer<lrs_verdict>!, _ alrs: OpaquePointer!, _ derivative: Double,
  _ loss: Double
) -> lrs_status {
  succeeds {
    let out = try place(out, "out")
    let box = try object(alrs, ALRSHandle.self, "alrs")
    box.machine.search = box.search.search
    let verdict = try box.machine.observe(derivative, loss: loss)
    box.search.follow(box.machine)
    out.pointee = lrs_verdict(
      derivative: verdict.derivative, signal: Int32(verdict.signal), starts_anew: verdict.startsAnew)
  }
}

// MARK: - The native finder

/// A finder advances the search it was given.
final class FinderHandle {
  let finder: Finder
  let search: SearchHandle
  init(_ finder: Finder, _ search: SearchHandle) {
    self.finder = finder
    self.search = search
  }
}

@c @implementation
public func lrs_finder_create(
  _ out: UnsafeMutablePointer<OpaquePointer?>!, _ optimizer: OpaquePointer!, _ search: OpaquePointer!,
  _ list: UnsafePointer<lrs_attribute>!, _ count: Int
) -> lrs_status {
  succeeds {
    let out = try place(out, "out")
    let box = try object(search, SearchHandle.self, "search")
    let finder = try Finder(
      try object(optimizer, Optimizer.self, "optimizer"), box.search, try attributes("find_lr", list, count))
    box.follow(finder.machine)
    out.pointee = retain(FinderHandle(finder, box))
  }
}

@c @implementation
public func lrs_finder_destroy(_ finder: OpaquePointer!) {
  if finder != nil { try? object(finder, FinderHandle.self, "finder").finder.restore() }
  release(finder, FinderHandle.self)
}

@c @implementation
public func lrs_finder_displace(_ finder: OpaquePointer!) -> lrs_status {
  succeeds { try object(finder, FinderHandle.self, "finder").finder.displace() }
}

@c @implementation
public func lrs_finder_observe(
  _ gradient: UnsafeMutablePointer<Double>!, _ finder: OpaquePointer!, _ loss: Double
) -> lrs_status {
  succeeds {
    let box = try object(finder, FinderHandle.self, "finder")
    let gradient = try place(gradient, "gradient")
    box.finder.take(box.search.search)
    defer { box.search.follow(box.finder.machine) }
    gradient.pointee = try box.finder.observe(loss: loss)
  }
}

@c @implementation
public func lrs_finder_run(
  _ steps_done: UnsafeMutablePointer<Int>!, _ gradients: UnsafeMutablePointer<Double>!,
  _ values: UnsafeMutablePointer<Double>!, _ finder: OpaquePointer!, _ program: OpaquePointer!,
  _ data: UnsafePointer<OpaquePointer?>!, _ data_count: Int, _ indices: UnsafePointer<Int64>!,
  _ step_count: Int,
  _ batch: Int, _ seconds: Double
) -> lrs_status {
  succeeds {
    let done = try place(steps_done, "steps_done")
    done.pointee = 0
    let (gradients, values) = (try place(gradients, "gradients"), try place(values, "values"))
    let box = try object(finder, FinderHandle.self, "finder")
    box.finder.take(box.search.search)
    defer { box.search.follow(box.finder.machine) }
    try box.finder.run(
      try object(program, Program.self, "program"),
      try batches(data, data_count, indices, step_count, batch, seconds), done: &done.pointee,
      gradients: gradients,
      values: values)
  }
}
