import TestSupport
import XCTest

@testable import Kernels

/// What is done with a product must not depend on who made it.
final class GemmFinishTests: XCTestCase {
  /// Packed, by dot products, empty sums, edges of every kind, shared out.
  private let shapes = [
    (1, 1, 1), (3, 5, 0), (32, 32, 784), (128, 10, 300), (29, 40, 17), (15, 33, 600), (70, 130, 64),
    (200, 9, 50), (300, 130, 64),
  ]

  /// The bias after the sum: the same bits as the product and then the sum, for every vector width and any threads.
  func testBiasIsAddedToTheCompleteSum() {
    var numbers = Numbers(seed: 21)
    for (index, (m, n, k)) in shapes.enumerated() {
      let (a, b, c, bias) = (
        numbers.array(m * k), numbers.array(k * n), numbers.array(m * n), numbers.array(n)
      )
      for transposeB in [false, true] {
        let accumulate = (index % 2 == 0) != transposeB
        func check<T: Scalar>(
          _: T.Type, _ label: String,
          _ product: (Buffer<T>, Buffer<T>, Buffer<T>, GemmFinish) -> Void
        ) {
          let (left, right, row) = (Buffer<T>(a), Buffer<T>(b), Buffer<T>(bias))
          func run(_ finish: GemmFinish) -> [Double] {
            sameBitsForAnyThreads(label) {
              let result = accumulate ? Buffer<T>(c) : Buffer<T>(count: m * n)
              product(left, right, result, finish)
              return result.values
            }
          }
          let plain = run(.none)
          let wanted = plain.indices.map { Double(T(plain[$0]) + T(bias[$0 % n])) }
          XCTAssertEqual(run(GemmFinish(bias: row.pointer)), wanted, label)
        }
        func checkAll<T: Scalar>(_: T.Type) {
          for kernels in GemmKernels.all(T.dtype) where k > 0 {
            check(T.self, "\(T.self) \(kernels.name) \(m) \(n) \(k) \(transposeB)") {
              gemm(
                kernels, false, transposeB, m, n, k, $0.pointer, $1.pointer, $2.pointer, accumulate, $3,
                shared: true)
            }
          }
        }
        for type in scalarTypes { checkAll(type) }
        check(Float.self, "\(m) \(n) \(k) \(transposeB)") {
          gemm(Float.self, false, transposeB, m, n, k, $0.pointer, $1.pointer, $2.pointer, accumulate, $3)
        }
        check(Double.self, "\(m) \(n) \(k) \(transposeB) double") {
          gemm(Double.self, false, transposeB, m, n, k, $0.pointer, $1.pointer, $2.pointer, accumulate, $3)
        }
      }
    }
  }

  /// One element of the result that is not finite is seen wherever it lies, and nothing else is.
  func testWatchSeesWhatIsNotFinite() {
    func check<T: Scalar>(_: T.Type) {
      var numbers = Numbers(seed: 22)
      for (m, n, k) in shapes where k > 0 {
        for transposeA in [false, true] {
          var a = numbers.array(m * k)
          let (b, bias) = (numbers.array(k * n), Buffer<T>(numbers.array(n)))
          func isFinite(_ product: (Buffer<T>, Buffer<T>, Buffer<T>, GemmFinish) -> Void) -> Bool {
            let watch = FiniteWatch()
            let result = Buffer<T>(count: m * n)
            product(Buffer<T>(a), Buffer<T>(b), result, GemmFinish(bias: bias.pointer, watch: watch))
            XCTAssertEqual(watch.isFinite, result.values.allSatisfy(\.isFinite), "\(m) \(n) \(k)")
            return watch.isFinite
          }
          func everyone(_ wanted: Bool, _ label: String) {
            for kernels in GemmKernels.all(T.dtype) {
              XCTAssertEqual(
                isFinite {
                  gemm(
                    kernels, transposeA, !transposeA, m, n, k, $0.pointer, $1.pointer, $2.pointer, false, $3,
                    shared: true)
                }, wanted, "\(kernels.name) \(m) \(n) \(k) \(label)")
            }
          }
          everyone(true, "finite")
          let row = numbers.integer(below: m)
          for value in [Double.nan, .infinity, -.infinity] {
            let place = transposeA ? row : row * k
            let before = a[place]
            a[place] = value
            everyone(false, "\(value) in row \(row)")
            a[place] = before
          }
          // Finite factors, the first of which have a product that is not.
          a[0] = Double(T.greatestFiniteMagnitude)
          var large = b
          large[0] = Double(T.greatestFiniteMagnitude)
          let watch = FiniteWatch()
          let result = Buffer<T>(count: m * n)
          gemm(
            T.self, transposeA, !transposeA, m, n, k, Buffer<T>(a).pointer,
            Buffer<T>(large).pointer,
            result.pointer, false, GemmFinish(watch: watch))
          XCTAssertEqual(result.values[0], .infinity)
          XCTAssertFalse(watch.isFinite)
        }
      }
    }
    for type in scalarTypes { check(type) }
  }

  func testPassOfItsOwn() {
    var numbers = Numbers(seed: 23)
    func check<T: Scalar>(_: T.Type) {
      for (m, n) in [(1, 1), (3, 7), (40, 33), (70, 1100)] {
        let values = numbers.array(m * n)
        for place in [nil, 0, m * n / 2, m * n - 1] {
          let c = Buffer<T>(values)
          if let place { c.elements[place] = -.infinity }
          let watch = FiniteWatch()
          finishRows(T.self, GemmFinish(watch: watch), c.pointer, m, n)
          XCTAssertEqual(watch.isFinite, place == nil, "\(T.self) \(m) \(n) \(String(describing: place))")
          watch.reset()
          XCTAssertTrue(watch.isFinite)
        }
      }
    }
    check(Float.self)
    check(Double.self)
  }
}
