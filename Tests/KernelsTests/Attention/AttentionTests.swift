import TestSupport
import XCTest

@testable import Kernels

final class AttentionTests: XCTestCase {
  private struct Arrays {
    var q: [Double], k: [Double], v: [Double], mask: [Double], g: [Double]
  }

  private func attention(
    members: Int, _ rows: Int, _ columns: Int, _ width: Int, _ valueWidth: Int, causal: Bool = false,
    emptyIsZero: Bool = false, dropout: Double = 0
  ) -> Attention {
    Attention(
      members: members, rows: rows, columns: columns, width: width, valueWidth: valueWidth, scale: 0.4,
      causal: causal, emptyIsZero: emptyIsZero, dropout: dropout)
  }

  private func arrays(_ a: Attention) -> Arrays {
    var numbers = Numbers(seed: 5)
    let m = a.members
    return Arrays(
      q: numbers.array(m * a.rows * a.width), k: numbers.array(m * a.columns * a.width),
      v: numbers.array(m * a.columns * a.valueWidth), mask: numbers.array(a.rows * a.columns),
      g: numbers.array(m * a.rows * a.valueWidth))
  }

  private func layout(_ members: Int, _ rows: Int, _ width: Int) -> Attention.Layout {
    .init(offsets: (0..<members).map { $0 * rows * width }, row: width)
  }

  /// Values and gradients of the definition, element by element.
  private func definition(_ a: Attention, _ x: Arrays, masked: Bool) -> (
    o: [Double], q: [Double], k: [Double], v: [Double]
  ) {
    var o = [Double](repeating: 0, count: x.g.count)
    var (gq, gk, gv) = (x.q.map { _ in 0.0 }, x.k.map { _ in 0.0 }, x.v.map { _ in 0.0 })
    for m in 0..<a.members {
      for i in 0..<a.rows {
        let seen = a.causal ? min(a.columns, i + 1) : a.columns
        let (q, g) = ((m * a.rows + i) * a.width, (m * a.rows + i) * a.valueWidth)
        let scores = (0..<seen).map { j in
          (0..<a.width).reduce(masked ? x.mask[i * a.columns + j] : 0) {
            $0 + a.scale * x.q[q + $1] * x.k[(m * a.columns + j) * a.width + $1]
          }
        }
        let top = scores.max()!
        let total = scores.reduce(0) { $0 + exp($1 - top) }
        let p = scores.map { exp($0 - top) / total }
        let dp = (0..<seen).map { j in
          (0..<a.valueWidth).reduce(0.0) {
            $0 + x.g[g + $1] * x.v[(m * a.columns + j) * a.valueWidth + $1]
          }
        }
        let mean = zip(p, dp).reduce(0) { $0 + $1.0 * $1.1 }
        for j in 0..<seen {
          let (k, v) = ((m * a.columns + j) * a.width, (m * a.columns + j) * a.valueWidth)
          let ds = a.scale * p[j] * (dp[j] - mean)
          for c in 0..<a.valueWidth {
            o[g + c] += p[j] * x.v[v + c]
            gv[v + c] += p[j] * x.g[g + c]
          }
          for c in 0..<a.width {
            gq[q + c] += ds * x.k[k + c]
            gk[k + c] += ds * x.q[q + c]
          }
        }
      }
    }
    return (o, gq, gk, gv)
  }

  private func run<T: Scalar>(_: T.Type, _ a: Attention, _ x: Arrays, masked: Bool) -> (
    o: [T], q: [T], k: [T], v: [T]
  ) {
    var (q, k, v, mask, g) = (
      x.q.map { T($0) }, x.k.map { T($0) }, x.v.map { T($0) }, x.mask.map { T($0) }, x.g.map { T($0) }
    )
    var (o, gq, gk, gv) = (g, q, k, v)
    q.withUnsafeMutableBytes { q in
      k.withUnsafeMutableBytes { k in
        v.withUnsafeMutableBytes { v in
          mask.withUnsafeMutableBytes { mask in
            g.withUnsafeMutableBytes { g in
              let of = (
                q: layout(a.members, a.rows, a.width), k: layout(a.members, a.columns, a.width),
                v: layout(a.members, a.columns, a.valueWidth), o: layout(a.members, a.rows, a.valueWidth)
              )
              let shared = Attention.Layout(
                offsets: [Int](repeating: 0, count: a.members), row: a.columns)
              let given = Attention.Inputs(
                q: .init(q.baseAddress!, of.q), k: .init(k.baseAddress!, of.k),
                v: .init(v.baseAddress!, of.v), mask: masked ? .init(mask.baseAddress!, shared) : nil,
                generator: Philox(seed: 3, stream: 4))
              o.withUnsafeMutableBytes { a.run(T.self, given, .init($0.baseAddress!, of.o)) }
              gq.withUnsafeMutableBytes { gq in
                gk.withUnsafeMutableBytes { gk in
                  gv.withUnsafeMutableBytes { gv in
                    a.pull(
                      T.self, given, .init(g.baseAddress!, of.o),
                      .init(
                        q: .init(gq.baseAddress!, of.q), k: .init(gk.baseAddress!, of.k),
                        v: .init(gv.baseAddress!, of.v)))
                  }
                }
              }
            }
          }
        }
      }
    }
    return (o, gq, gk, gv)
  }

  private let shapes = [
    (1, 1, 1, 1, 1), (2, 33, 17, 5, 3), (3, 64, 64, 32, 32), (1, 130, 200, 8, 16), (2, 129, 129, 7, 4),
  ]

  func testItIsTheDefinition() {
    for (members, rows, columns, width, valueWidth) in shapes {
      for causal in [false, true] {
        for masked in [false, true] {
          let a = attention(members: members, rows, columns, width, valueWidth, causal: causal)
          let x = arrays(a)
          let wanted = definition(a, x, masked: masked)
          let wide = run(Double.self, a, x, masked: masked)
          let narrow = run(Float.self, a, x, masked: masked)
          func compare(_ wide: [Double], _ narrow: [Float], _ wanted: [Double], line: UInt = #line) {
            for i in wanted.indices {
              XCTAssertEqual(wide[i], wanted[i], accuracy: 1e-11, line: line)
              XCTAssertEqual(Double(narrow[i]), wanted[i], accuracy: 2e-4, line: line)
            }
          }
          compare(wide.o, narrow.o, wanted.o)
          compare(wide.q, narrow.q, wanted.q)
          compare(wide.k, narrow.k, wanted.k)
          compare(wide.v, narrow.v, wanted.v)
        }
      }
    }
  }

  func testTheSameBitsForAnyNumberOfThreads() {
    let threads = ThreadPool.shared.threads
    defer { ThreadPool.shared.threads = threads }
    for (members, rows, columns, width, valueWidth) in shapes + [(1, 300, 300, 64, 64)] {
      let a = attention(members: members, rows, columns, width, valueWidth, causal: true, dropout: 0.3)
      let x = arrays(a)
      var first: (o: [Float], q: [Float], k: [Float], v: [Float])?
      for count in 1...4 {
        ThreadPool.shared.threads = count
        let found = run(Float.self, a, x, masked: true)
        if let first {
          XCTAssertEqual(found.o, first.o)
          XCTAssertEqual(found.q, first.q)
          XCTAssertEqual(found.k, first.k)
          XCTAssertEqual(found.v, first.v)
        }
        first = found
      }
    }
  }

  /// With values that are all 1 a row is the sum of what is kept, and its mean over rows is 1.
  func testWhatIsDropped() {
    let a = attention(members: 4, 200, 150, 4, 1, dropout: 0.25)
    var x = arrays(a)
    x.v = x.v.map { _ in 1 }
    let sums = run(Double.self, a, x, masked: false).o
    XCTAssertEqual(sums.reduce(0, +) / Double(sums.count), 1, accuracy: 0.01)
    XCTAssertGreaterThan(sums.filter { abs($0 - 1) > 1e-3 }.count, sums.count / 2)
  }

  func testRowsThatSeeNothing() {
    for emptyIsZero in [false, true] {
      let a = attention(members: 1, 3, 20, 2, 2, emptyIsZero: emptyIsZero)
      var x = arrays(a)
      for j in 0..<20 { x.mask[20 + j] = -.infinity }
      let o = run(Double.self, a, x, masked: true).o
      XCTAssertTrue(emptyIsZero ? o[2] == 0 && o[3] == 0 : o[2].isNaN && o[3].isNaN, "\(o)")
      XCTAssertTrue(o[0].isFinite && o[5].isFinite)
    }
  }

  /// What no row sees may be anything.
  func testLaterPlacesDoNotCount() {
    let a = attention(members: 1, 40, 40, 3, 2, causal: true)
    let x = arrays(a)
    var other = x
    for i in (39 * 3)..<(40 * 3) { other.k[i] = .infinity }
    let (one, two) = (run(Double.self, a, x, masked: false).o, run(Double.self, a, other, masked: false).o)
    XCTAssertEqual(Array(one.prefix(39 * 2)), Array(two.prefix(39 * 2)))
  }
}
