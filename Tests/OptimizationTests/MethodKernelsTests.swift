import Kernels
import TestSupport
import Vocabulary
import XCTest

@testable import Optimization

/// The loops of whole methods, against one element at a time in the rules' own arithmetic on plain numbers.
final class MethodKernelsTests: XCTestCase {
  private let pairs = [
    ("d_adaptation", "sgd"), ("d_adaptation", "adam"), ("prodigy", "adamw"), ("schedule_free", "sgd"),
    ("schedule_free", "adamw"), ("yellowfin", "sgd"), ("momo", "sgd"), ("momo", "adam"),
  ]

  private func plain<R: MethodRule>(
    _: R.Type, _ p: inout [[Double]], _ g: [Double], _ h: HyperValues, _ m: PassScalars
  ) -> (PassSums, moved: [[Double]]) {
    var sums = PassSums()
    for i in g.indices {
      func at(_ k: Int) -> Double { k < p.count ? p[k][i] : 0 }
      var place = Place(theta: at(0), g: g[i], s0: at(1), s1: at(2), s2: at(3), s3: at(4))
      let terms = R.first(&place, Hyper(h), PassLanes(m))
      sums.first += terms.first.0 * terms.first.1
      sums.second += terms.second.0 * terms.second.1
      sums.third += terms.third.0 * terms.third.1
      if R.second != nil { R.second(&place, Hyper(h), PassLanes(m)) }
      let after = [place.theta, place.s0, place.s1, place.s2, place.s3]
      for k in p.indices { p[k][i] = after[k] }
    }
    return (sums, p)
  }

  private func reference(
    _ pair: (String, String), _ p: inout [[Double]], _ g: [Double], _ h: HyperValues, _ m: PassScalars
  ) -> PassSums {
    switch pair {
    case ("d_adaptation", "sgd"): plain(DualAveragingRule.self, &p, g, h, m).0
    case ("d_adaptation", _): plain(DAdaptationAdamRule.self, &p, g, h, m).0
    case ("prodigy", _): plain(ProdigyRule.self, &p, g, h, m).0
    case ("schedule_free", "sgd"): plain(ScheduleFreeRule.self, &p, g, h, m).0
    case ("schedule_free", _): plain(ScheduleFreeAdamWRule.self, &p, g, h, m).0
    case ("yellowfin", _): plain(YellowFinRule.self, &p, g, h, m).0
    case ("momo", "sgd"): plain(MoMoRule.self, &p, g, h, m).0
    default: plain(MoMoAdamRule.self, &p, g, h, m).0
    }
  }

  private func check<T: Scalar>(_: T.Type, _ pair: (String, String), count: Int) throws {
    var numbers = Numbers(seed: UInt64(count))
    let kernels = try XCTUnwrap(MethodCatalogue.kernels(rate: pair.0, direction: pair.1, T.dtype))
    var h = HyperValues()
    (h.decay, h.decoupledDecay, h.momentum) = pair.1 == "adamw" ? (0, 0.1, 0.5) : (0.1, 0, 0.5)
    (h.beta1, h.beta2, h.epsilon, h.correction2) = (0.75, 0.5, 0.25, 2)
    var m = PassScalars()
    (m.rate, m.scale, m.weight, m.memory) = (0.25, 0.5, 0.125, 0.875)
    let g = numbers.array(count)
    var expected = [numbers.array(count)] + kernels.names.map { _ in numbers.array(count).map(abs) }
    let buffers = expected.map { Buffer<T>($0) }
    let gradient = Buffer<T>(g)
    let sums = reference(pair, &expected, g, h, m)
    let vectors = MethodVectors(
      parameter: buffers[0].pointer, gradient: gradient.pointer, state: buffers.dropFirst().map(\.pointer),
      count: count)
    let found = firstPasses([MethodPart(kernels, vectors, h)], m)
    secondPasses([MethodPart(kernels, vectors, h)], m)
    let accuracy = T.dtype == .float64 ? 1e-13 : 1e-5
    for (buffer, wanted) in zip(buffers, expected) {
      for (a, b) in zip(buffer.values, wanted) { XCTAssertEqual(a, b, accuracy: accuracy, "\(pair)") }
    }
    let scale = Double(count) * accuracy
    XCTAssertEqual(found.first, sums.first, accuracy: scale, "\(pair)")
    XCTAssertEqual(found.second, sums.second, accuracy: scale, "\(pair)")
    XCTAssertEqual(found.third, sums.third, accuracy: scale, "\(pair)")
  }

  func testAgainstOneElementAtATime() throws {
    for pair in pairs {
      for count in tailCounts {
        try check(Float.self, pair, count: count)
        try check(Double.self, pair, count: count)
      }
    }
    try check(Float.self, ("momo", "adam"), count: (1 << 15) + 5)
  }

  func testSameBitsForAnyNumberOfThreads() throws {
    let (count, before) = ((2 << 15) + 3, ThreadPool.shared.threads)
    defer { ThreadPool.shared.threads = before }
    for pair in [("prodigy", "adamw"), ("momo", "adam")] {
      var results: [[Double]] = []
      for threads in [1, 2, 3] {
        ThreadPool.shared.threads = threads
        var numbers = Numbers(seed: 3)
        let kernels = try XCTUnwrap(MethodCatalogue.kernels(rate: pair.0, direction: pair.1, .float32))
        let buffers = (0...kernels.names.count).map { _ in Buffer<Float>(numbers.array(count).map(abs)) }
        let gradient = Buffer<Float>(numbers.array(count))
        var (h, m) = (HyperValues(), PassScalars())
        (h.epsilon, h.beta2, m.rate, m.weight) = (0.1, 0.5, 0.5, 0.5)
        let vectors = MethodVectors(
          parameter: buffers[0].pointer, gradient: gradient.pointer,
          state: buffers.dropFirst().map(\.pointer), count: count)
        let sums = firstPasses([MethodPart(kernels, vectors, h)], m)
        secondPasses([MethodPart(kernels, vectors, h)], m)
        results.append([sums.first, sums.second, sums.third] + buffers.flatMap(\.values))
      }
      XCTAssertEqual(results[0], results[1], "\(pair)")
      XCTAssertEqual(results[0], results[2], "\(pair)")
    }
  }

  func testPairsThatAreNotThere() {
    for (rate, direction) in [
      ("prodigy", "sgd"), ("yellowfin", "adam"), ("l4", "sgd"), ("schedule_free", "adam"),
    ] {
      XCTAssertNil(MethodCatalogue.kernels(rate: rate, direction: direction, .float32))
    }
  }
}
