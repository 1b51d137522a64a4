// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// The programs of a bound object, loaded and attached with cilium/ebpf.
package main

import (
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// The pins of the loaded skbext for the object's maps.
var pins = map[string]string{
	".data.skbext":       "ctl",
	".data.skbext_slots": "slots",
	"skbext_stats":       "stats",
	"skbext_watches":     "watches",
	"skbext_refs":        "refs",
}

// useSkbext puts skbext's maps in the place of the object's.
func useSkbext(spec *ebpf.CollectionSpec, dir string) (map[string]*ebpf.Map, error) {
	maps := make(map[string]*ebpf.Map)
	for name, pin := range pins {
		own, used := spec.Maps[name]
		if !used {
			continue
		}
		m, err := ebpf.LoadPinnedMap(filepath.Join(dir, pin), nil)
		if err != nil {
			return nil, fmt.Errorf("%s: %w; run skbext load", pin, err)
		}
		info, err := m.Info()
		if err != nil {
			return nil, err
		}
		own.ValueSize, own.MaxEntries, own.Flags = info.ValueSize, info.MaxEntries, info.Flags
		maps[name] = m
	}
	return maps, nil
}

func attach(prog *ebpf.Program, device int, where ebpf.AttachType) link.Link {
	l, err := link.AttachTCX(link.TCXOptions{Interface: device, Program: prog, Attach: where})
	if err != nil {
		log.Fatalf("attaching: %v", err)
	}
	return l
}

func main() {
	if len(os.Args) != 4 {
		log.Fatalf("usage: %s BOUND-OBJECT DEVICE SKBEXT-DIRECTORY", os.Args[0])
	}
	device, err := net.InterfaceByName(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	spec, err := ebpf.LoadCollectionSpec(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	maps, err := useSkbext(spec, os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: maps})
	if err != nil {
		log.Fatal(err)
	}
	defer coll.Close()
	defer attach(coll.Programs["receive_note"], device.Index, ebpf.AttachTCXIngress).Close()
	defer attach(coll.Programs["send_note"], device.Index, ebpf.AttachTCXEgress).Close()

	fmt.Println("ready")
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	<-stop
	for i, name := range []string{"sent", "received", "found"} {
		var n uint64
		if err := coll.Maps["counts"].Lookup(uint32(i), &n); err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %d\n", name, n)
	}
}
