import CLRSwift
import Kernels
import Optimization
import Vocabulary

/// Where a vector of another library begins. What its caller says of its bytes is believed; that they are as many as
/// the parameter's, and what can be seen of the address, is checked.
private func address(
  _ vector: lrs_vector, _ bytes: Int64, _ dtype: DType, _ name: String, _ index: Int
) throws -> UnsafeMutableRawPointer {
  guard vector.bytes == bytes else {
    throw Failure.shape("\(name) of vector \(index) must have \(bytes) bytes, got \(vector.bytes)")
  }
  guard let values = vector.values else {
    throw Failure.value("\(name) of vector \(index) must not be NULL")
  }
  guard Int(bitPattern: values) % dtype.byteCount == 0 else {
    throw Failure.value(
      "\(name) of vector \(index) must be aligned to its elements of \(dtype.byteCount) bytes")
  }
  return values
}

private func floating(_ dtype: lrs_dtype) throws -> DType {
  guard let type = DType(rawValue: dtype), type.isFloating else {
    throw Failure.type("vectors must be float32 or float64, got dtype \(dtype)")
  }
  return type
}

/// Each entry that is not empty, with the bytes of its `first` vector.
private func each<Entry>(
  _ list: UnsafePointer<Entry>?, _ count: Int, _ dtype: DType, _ first: (Entry) -> lrs_vector,
  _ body: (Int, Entry, Int64) throws -> Void
) throws {
  try checkCount(count, "vectors")
  if count > 0 && list == nil { throw Failure.value("vectors must not be NULL") }
  for i in 0..<count {
    let bytes = first(list![i]).bytes
    guard bytes >= 0 else { throw Failure.value("vector \(i) must not have a negative length") }
    guard bytes % Int64(dtype.byteCount) == 0 else {
      throw Failure.shape(
        "vector \(i) must have whole elements of \(dtype.byteCount) bytes, got \(bytes) bytes")
    }
    if bytes > 0 { try body(i, list![i], bytes) }
  }
}

@c @implementation
public func lrs_vectors_products(
  _ out: UnsafeMutablePointer<Double>!, _ dtype: lrs_dtype, _ pairs: UnsafePointer<lrs_pair>!, _ count: Int
) -> lrs_status {
  succeeds {
    let (out, type) = (try place(out, "out"), try floating(dtype))
    try checkCount(count, "vectors")
    out.update(repeating: 0, count: count)
    try each(pairs, count, type, { $0.a }) { i, pair, bytes in
      let (a, b) = (try address(pair.a, bytes, type, "a", i), try address(pair.b, bytes, type, "b", i))
      out[i] = innerProduct(type.scalar, a, b, Int(bytes) / type.byteCount)
    }
  }
}

private func rule(
  _ direction: UnsafePointer<CChar>?, _ list: UnsafePointer<lrs_attribute>?, _ count: Int, _ step: Double
) throws -> (any ConfiguredDirection, Int) {
  guard let t = wholeNumber(step), t >= 1 else {
    throw Failure.value("step must be \(Bounds.count), got \(step)")
  }
  let name = try text(direction, "direction")
  let made = try DirectionCatalogue.make(DirectionCatalogue.find(name), attributes(name, list, count))
  return (made, t)
}

@c @implementation
public func lrs_vectors_smoothing(
  _ factor: UnsafeMutablePointer<Double>!, _ direction: UnsafePointer<CChar>!,
  _ list: UnsafePointer<lrs_attribute>!, _ attribute_count: Int, _ step: Double
) -> lrs_status {
  succeeds {
    let factor = try place(factor, "factor")
    let (rule, t) = try rule(direction, list, attribute_count, step)
    factor.pointee = rule.slots.isEmpty ? 0 : rule.hyper(t).smoothing
  }
}

@c @implementation
public func lrs_vectors_direction(
  _ sums: UnsafeMutablePointer<Double>!, _ direction: UnsafePointer<CChar>!,
  _ list: UnsafePointer<lrs_attribute>!, _ attribute_count: Int, _ step: Double, _ dtype: lrs_dtype,
  _ vectors: UnsafePointer<lrs_vectors>!, _ count: Int
) -> lrs_status {
  succeeds {
    let (sums, type) = (try place(sums, "sums"), try floating(dtype))
    let (rule, t) = try rule(direction, list, attribute_count, step)
    let (kernels, hyper, slots) = (rule.kernels(type), rule.hyper(t), rule.slots.count)
    // a parameter that does not decay would be read for nothing
    let decays = hyper.decay != 0 || hyper.decoupledDecay != 0
    let checked = { (i: Int, v: lrs_vectors, bytes: Int64) throws -> RuleVectors in
      let parameter = try address(v.parameter, bytes, type, "parameter", i)
      let gradient = try address(v.gradient, bytes, type, "gradient", i)
      let state0 = slots > 0 ? try address(v.state0, bytes, type, "state0", i) : parameter
      let state1 = slots > 1 ? try address(v.state1, bytes, type, "state1", i) : parameter
      return RuleVectors(
        parameter: decays ? parameter : gradient, gradient: gradient,
        state0: state0, state1: state1, newState0: state0, newState1: state1,
        count: Int(bytes) / type.byteCount)
    }
    // all of them before the first is written
    var (places, parts, outs): ([Int], [RulePart], [UnsafeMutableRawPointer]) = ([], [], [])
    try each(vectors, count, type, { $0.parameter }) { i, v, bytes in
      places.append(i)
      parts.append(RulePart(kernels, try checked(i, v, bytes), hyper))
      outs.append(try address(v.direction, bytes, type, "direction", i))
    }
    sums.update(repeating: 0, count: 2 * count)
    for (i, found) in zip(places, findDirections(parts, into: outs)) {
      (sums[2 * i], sums[2 * i + 1]) = (found.slope, found.smoothedSlope)
    }
  }
}

@c @implementation
public func lrs_vectors_move(
  _ dtype: lrs_dtype, _ vectors: UnsafePointer<lrs_vectors>!, _ count: Int, _ rate: Double
) -> lrs_status {
  succeeds {
    let type = try floating(dtype)
    // all of them before the first is written
    var moves: [(parameter: UnsafeMutableRawPointer, direction: UnsafeMutableRawPointer, count: Int)] = []
    try each(vectors, count, type, { $0.parameter }) { i, v, bytes in
      moves.append(
        (
          try address(v.parameter, bytes, type, "parameter", i),
          try address(v.direction, bytes, type, "direction", i), Int(bytes) / type.byteCount
        ))
    }
    for move in moves {
      addScaled(type.scalar, move.parameter, move.direction, -rate, move.parameter, move.count)
    }
  }
}

@c @implementation
public func lrs_vectors_pass(
  _ sums: UnsafeMutablePointer<Double>!, _ rate: UnsafePointer<CChar>!, _ direction: UnsafePointer<CChar>!,
  _ list: UnsafePointer<lrs_attribute>!, _ attribute_count: Int, _ step: Double, _ dtype: lrs_dtype,
  _ second: Bool, _ pass: UnsafePointer<lrs_pass>!, _ places: UnsafePointer<lrs_places>!, _ count: Int
) -> lrs_status {
  succeeds {
    let (sums, type) = (try place(sums, "sums"), try floating(dtype))
    guard let pass else { throw Failure.value("pass must not be NULL") }
    let (rule, t) = try rule(direction, list, attribute_count, step)
    let (rate, direction) = (try text(rate, "rate"), try text(direction, "direction"))
    guard let kernels = MethodCatalogue.kernels(rate: rate, direction: direction, type) else {
      throw Failure.value("there is no method of the rate '\(rate)' over the direction '\(direction)'")
    }
    // all of them before the first is written
    var parts: [MethodPart] = []
    try each(places, count, type, { $0.parameter }) { i, v, bytes in
      let given = [v.state0, v.state1, v.state2, v.state3].prefix(kernels.names.count)
      let state = try given.enumerated().map { slot, vector in
        try address(vector, bytes, type, "state\(slot)", i)
      }
      let vectors = MethodVectors(
        parameter: try address(v.parameter, bytes, type, "parameter", i),
        gradient: try address(v.gradient, bytes, type, "gradient", i), state: state,
        count: Int(bytes) / type.byteCount)
      parts.append(MethodPart(kernels, vectors, rule.hyper(t)))
    }
    sums.update(repeating: 0, count: 3)
    if second {
      secondPasses(parts, pass.pointee.scalars)
    } else {
      let found = firstPasses(parts, pass.pointee.scalars)
      (sums[0], sums[1], sums[2]) = (found.first, found.second, found.third)
    }
  }
}
