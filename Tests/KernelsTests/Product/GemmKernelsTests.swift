import CVector
import TestSupport
import Vocabulary
import XCTest

@testable import Kernels

final class GemmKernelsTests: XCTestCase {
  func testTheVariableChooses() {
    let best = GemmKernels.all(.float32).last!.name
    XCTAssertEqual(GemmChoice(nil).description, best)
    XCTAssertEqual(GemmChoice("swift").description, best)
    for dtype in [DType.float32, .float64] {
      XCTAssertNil(GemmChoice("openblas").kernels(dtype))
      for kernels in GemmKernels.all(dtype) {
        let chosen = GemmChoice(kernels.name).kernels(dtype)
        XCTAssertEqual(chosen?.name, kernels.name)
        XCTAssertEqual(chosen?.dtype, dtype)
      }
    }
  }

  func testAnUnknownNameIsReportedAndIgnored() {
    let choice = GemmChoice("mkl")
    XCTAssertEqual(choice.kernels(.float64)?.name, GemmKernels.all(.float64).last!.name)
    XCTAssertTrue(choice.description.contains("LRSWIFT_GEMM=mkl is none of swift, openblas, "))
    XCTAssertNil(GemmChoice.named("mkl"))
  }

  /// Each kernel by itself, on tiles of every height, from rows apart and from packed rows.
  func testEveryTile() {
    func check<T: Scalar>(_: T.Type) {
      var numbers = Numbers(seed: 3)
      for kernels in GemmKernels.all(T.dtype) {
        for (vectors, table) in [(1, kernels.narrow), (2, kernels.wide)] {
          let (width, depth) = (vectors * kernels.width, 9)
          for rows in 1...kernels.rows {
            let (a, b, c) = (
              numbers.array(rows * depth), numbers.array(depth * width), numbers.array(rows * width)
            )
            for apart in [false, true] {
              let (left, right, result) = (Buffer<T>(a), Buffer<T>(b), Buffer<T>(c))
              let (row, step) = apart ? (depth, 1) : (1, rows)
              var tile = cv_tile(
                a: left.elements, b: right.elements, c: result.elements, a_row: row, a_step: step,
                b_step: width,
                c_row: width, depth: depth, accumulate: apart, bias: nil, residue: nil)
              table[rows - 1](&tile)
              let wanted = (0..<rows * width).map { index in
                (0..<depth).reduce(apart ? c[index] : 0) {
                  $0 + a[index / width * row + $1 * step] * b[$1 * width + index % width]
                }
              }
              expectClose(T.self, result.values, wanted, "\(kernels.name) \(rows) \(vectors) \(apart)")
            }
          }
        }
      }
    }
    for type in scalarTypes { check(type) }
  }

  /// The same tiles, complete: the bias comes last, and the residue tells of what is not finite.
  func testEveryTileThatIsComplete() {
    func check<T: Scalar>(_: T.Type) {
      var numbers = Numbers(seed: 6)
      for kernels in GemmKernels.all(T.dtype) {
        for (vectors, table) in [(1, kernels.narrow), (2, kernels.wide)] {
          let (width, depth) = (vectors * kernels.width, 3)
          for rows in 1...kernels.rows {
            let (a, b) = (numbers.array(rows * depth), numbers.array(depth * width))
            let (c, bias) = (numbers.array(rows * width), numbers.array(width))
            let (left, right, row) = (Buffer<T>(a), Buffer<T>(b), Buffer<T>(bias))
            func run(_ result: Buffer<T>, _ bias: Buffer<T>?, _ residue: Buffer<T>?) -> [Double] {
              var tile = cv_tile(
                a: left.elements, b: right.elements, c: result.elements, a_row: 1, a_step: rows,
                b_step: width,
                c_row: width, depth: depth, accumulate: true, bias: bias?.elements, residue: residue?.elements
              )
              table[rows - 1](&tile)
              return result.values
            }
            let label = "\(kernels.name) \(rows) \(vectors)"
            let plain = run(Buffer<T>(c), nil, nil)
            let residue = Buffer<T>([Double](repeating: 0, count: kernels.width))
            XCTAssertEqual(run(Buffer<T>(c), nil, residue), plain, label)
            let wanted = plain.indices.map { Double(T(plain[$0]) + T(bias[$0 % width])) }
            XCTAssertEqual(run(Buffer<T>(c), row, residue), wanted, label)
            XCTAssertEqual(residue.values, [Double](repeating: 0, count: kernels.width), label)
            for value in [Double.nan, .infinity, -.infinity] {
              var spoiled = c
              spoiled[numbers.integer(below: c.count)] = value
              let residue = Buffer<T>([Double](repeating: 0, count: kernels.width))
              _ = run(Buffer<T>(spoiled), row, residue)
              XCTAssertEqual(residue.values.filter(\.isNaN).count, 1, "\(label) \(value)")
            }
          }
        }
      }
    }
    for type in scalarTypes { check(type) }
  }

  /// Each kernel of dot products by itself, with rows apart and a rest.
  func testEveryTileOfDots() {
    func check<T: Scalar>(_: T.Type) {
      var numbers = Numbers(seed: 4)
      let (depth, stride) = (37, 41)
      for kernels in GemmKernels.all(T.dtype) {
        for rows in 1...kernels.dotRows {
          for columns in 1...kernels.dotColumns {
            let (a, b) = (numbers.array(rows * stride), numbers.array(columns * stride))
            let (left, right, result) = (Buffer<T>(a), Buffer<T>(b), Buffer<T>(count: 16))
            var tile = cv_tile(
              a: left.elements, b: right.elements, c: result.elements, a_row: stride, a_step: 1,
              b_step: stride,
              c_row: 4, depth: depth, accumulate: false, bias: nil, residue: nil)
            kernels.dots[(rows - 1) * kernels.dotColumns + columns - 1](&tile)
            let wanted = (0..<rows * columns).map { place in
              (0..<depth).reduce(0.0) {
                $0 + a[place / columns * stride + $1] * b[place % columns * stride + $1]
              }
            }
            let got = (0..<rows * columns).map { result.values[$0 / columns * 4 + $0 % columns] }
            expectClose(T.self, got, wanted, units: 8 + Double(depth), "\(kernels.name) \(rows) \(columns)")
          }
        }
      }
    }
    for type in scalarTypes { check(type) }
  }

  func testPacking() {
    func check<T: Scalar>(_: T.Type) {
      for kernels in GemmKernels.all(T.dtype) {
        for (depth, count) in [(1, 1), (40, 3), (17, 6), (33, 14), (16, 16), (20, 31), (35, 32), (3, 5)] {
          let values = (0..<depth * count).map(Double.init)
          let step = 2 * kernels.width
          if count > step { continue }
          let source = Buffer<T>(values)
          let (rows, columns) = (Buffer<T>(count: depth * step), Buffer<T>(count: depth * step))
          kernels.packRows(depth, count, source.elements, depth, rows.elements, step)
          kernels.packColumns(depth, count, source.elements, count, columns.elements, step)
          for p in 0..<depth {
            for i in 0..<step {
              if i < count { XCTAssertEqual(rows.values[p * step + i], values[i * depth + p]) }
              XCTAssertEqual(columns.values[p * step + i], i < count ? values[p * count + i] : 0)
            }
          }
        }
      }
    }
    for type in scalarTypes { check(type) }
  }
}
