// A guessing game whose tree was written down by a program, one question inside the other.
function guessAnimal(answer) {
if (answer(0, "livesInTrees")) {
if (answer(1, "hasHooves")) {
if (answer(2, "isFurry")) {
if (answer(3, "isLargerThanADog")) {
if (answer(4, "isNocturnal")) {
if (answer(5, "canFly")) {
if (answer(6, "isStriped")) {
if (answer(7, "isFurry")) {
if (answer(8, "hasHorns")) {
if (answer(9, "isLargerThanADog")) {
if (answer(10, "isNocturnal")) {
if (answer(11, "canFly")) {
if (answer(12, "migrates")) {
if (answer(13, "swims")) {
if (answer(14, "migrates")) {
if (answer(15, "isFurry")) {
if (answer(16, "hasWebbedFeet")) {
if (answer(17, "canFly")) {
if (answer(18, "swims")) {
if (answer(19, "hasWebbedFeet")) {
if (answer(20, "hasFeathers")) {
if (answer(21, "eatsFish")) {
if (answer(22, "isLargerThanADog")) {
if (answer(23, "layEggs")) {
if (answer(24, "isLargerThanADog")) {
if (answer(25, "hasHorns")) {
if (answer(26, "eatsFish")) {
if (answer(27, "hibernates")) {
if (answer(28, "hasFeathers")) {
if (answer(29, "migrates")) {
if (answer(30, "canFly")) {
if (answer(31, "isStriped")) {
if (answer(32, "livesInTrees")) {
if (answer(33, "livesInTrees")) {
if (answer(34, "isNocturnal")) {
if (answer(35, "swims")) {
if (answer(36, "isNocturnal")) {
if (answer(37, "hasWebbedFeet")) {
if (answer(38, "eatsFish")) {
if (answer(39, "hasHorns")) {
if (answer(40, "isLargerThanADog")) {
if (answer(41, "isNocturnal")) {
if (answer(42, "hibernates")) {
if (answer(43, "eatsFish")) {
if (answer(44, "eatsFish")) {
if (answer(45, "canFly")) {
if (answer(46, "isLargerThanADog")) {
if (answer(47, "eatsFish")) {
if (answer(48, "livesInTrees")) {
if (answer(49, "isFurry")) {
if (answer(50, "hasHooves")) {
if (answer(51, "hasFeathers")) {
if (answer(52, "isNocturnal")) {
if (answer(53, "hasHooves")) {
if (answer(54, "livesInTrees")) {
if (answer(55, "isLargerThanADog")) {
if (answer(56, "layEggs")) {
if (answer(57, "hasHorns")) {
if (answer(58, "canFly")) {
if (answer(59, "hasALongTail")) {
if (answer(60, "layEggs")) {
if (answer(61, "isLargerThanADog")) {
if (answer(62, "livesInTrees")) {
if (answer(63, "hasALongTail")) {
if (answer(64, "isStriped")) {
if (answer(65, "isNocturnal")) {
if (answer(66, "swims")) {
if (answer(67, "isStriped")) {
if (answer(68, "layEggs")) {
if (answer(69, "layEggs")) {
if (answer(70, "hasHooves")) {
if (answer(71, "layEggs")) {
if (answer(72, "canFly")) {
if (answer(73, "isStriped")) {
if (answer(74, "migrates")) {
if (answer(75, "eatsFish")) {
if (answer(76, "livesInTrees")) {
if (answer(77, "migrates")) {
if (answer(78, "hasFeathers")) {
if (answer(79, "hasHorns")) {
if (answer(80, "eatsFish")) {
if (answer(81, "isStriped")) {
if (answer(82, "eatsFish")) {
if (answer(83, "canFly")) {
if (answer(84, "hasFeathers")) {
if (answer(85, "migrates")) {
if (answer(86, "hasALongTail")) {
if (answer(87, "hasWebbedFeet")) {
if (answer(88, "livesInTrees")) {
if (answer(89, "hasHooves")) {
if (answer(90, "eatsFish")) {
if (answer(91, "livesInTrees")) {
if (answer(92, "migrates")) {
if (answer(93, "isLargerThanADog")) {
if (answer(94, "canFly")) {
if (answer(95, "migrates")) {
if (answer(96, "hasALongTail")) {
if (answer(97, "livesInTrees")) {
if (answer(98, "layEggs")) {
if (answer(99, "hasWebbedFeet")) {
if (answer(100, "hasFeathers")) {
if (answer(101, "layEggs")) {
if (answer(102, "hasHooves")) {
if (answer(103, "hasALongTail")) {
if (answer(104, "isNocturnal")) {
if (answer(105, "hasFeathers")) {
if (answer(106, "isFurry")) {
if (answer(107, "canFly")) {
if (answer(108, "isFurry")) {
if (answer(109, "hasFeathers")) {
if (answer(110, "hasFeathers")) {
if (answer(111, "swims")) {
if (answer(112, "hibernates")) {
if (answer(113, "hasFeathers")) {
if (answer(114, "hasALongTail")) {
if (answer(115, "livesInTrees")) {
if (answer(116, "canFly")) {
if (answer(117, "eatsFish")) {
if (answer(118, "hasHooves")) {
if (answer(119, "hasHorns")) {
if (answer(120, "hasHooves")) {
if (answer(121, "isNocturnal")) {
if (answer(122, "hibernates")) {
if (answer(123, "hasFeathers")) {
if (answer(124, "isStriped")) {
if (answer(125, "hasHorns")) {
if (answer(126, "isStriped")) {
if (answer(127, "layEggs")) {
if (answer(128, "isFurry")) {
if (answer(129, "hasFeathers")) {
if (answer(130, "layEggs")) {
if (answer(131, "hibernates")) {
if (answer(132, "swims")) {
if (answer(133, "canFly")) {
if (answer(134, "hasHorns")) {
if (answer(135, "livesInTrees")) {
if (answer(136, "migrates")) {
if (answer(137, "canFly")) {
if (answer(138, "hasWebbedFeet")) {
if (answer(139, "hasHooves")) {
if (answer(140, "swims")) {
if (answer(141, "isNocturnal")) {
if (answer(142, "migrates")) {
if (answer(143, "layEggs")) {
if (answer(144, "isStriped")) {
if (answer(145, "hasALongTail")) {
if (answer(146, "isFurry")) {
if (answer(147, "layEggs")) {
if (answer(148, "isNocturnal")) {
if (answer(149, "canFly")) {
if (answer(150, "hasWebbedFeet")) {
if (answer(151, "isFurry")) {
if (answer(152, "canFly")) {
if (answer(153, "isNocturnal")) {
if (answer(154, "migrates")) {
if (answer(155, "hasFeathers")) {
if (answer(156, "isNocturnal")) {
if (answer(157, "isLargerThanADog")) {
if (answer(158, "eatsFish")) {
if (answer(159, "hasALongTail")) {
if (answer(160, "layEggs")) {
if (answer(161, "eatsFish")) {
if (answer(162, "hibernates")) {
if (answer(163, "migrates")) {
if (answer(164, "livesInTrees")) {
if (answer(165, "swims")) {
if (answer(166, "isStriped")) {
if (answer(167, "hasFeathers")) {
if (answer(168, "eatsFish")) {
if (answer(169, "hasHorns")) {
if (answer(170, "hasFeathers")) {
if (answer(171, "hasFeathers")) {
if (answer(172, "isFurry")) {
if (answer(173, "isLargerThanADog")) {
if (answer(174, "layEggs")) {
if (answer(175, "isFurry")) {
if (answer(176, "hasHorns")) {
if (answer(177, "hasHorns")) {
if (answer(178, "livesInTrees")) {
if (answer(179, "isLargerThanADog")) {
if (answer(180, "isFurry")) {
if (answer(181, "hasWebbedFeet")) {
if (answer(182, "hasALongTail")) {
if (answer(183, "livesInTrees")) {
if (answer(184, "layEggs")) {
if (answer(185, "isNocturnal")) {
if (answer(186, "livesInTrees")) {
if (answer(187, "isFurry")) {
if (answer(188, "isStriped")) {
if (answer(189, "isNocturnal")) {
if (answer(190, "eatsFish")) {
if (answer(191, "hasHooves")) {
if (answer(192, "isFurry")) {
if (answer(193, "livesInTrees")) {
if (answer(194, "canFly")) {
if (answer(195, "hasALongTail")) {
if (answer(196, "layEggs")) {
if (answer(197, "livesInTrees")) {
if (answer(198, "hasFeathers")) {
if (answer(199, "isNocturnal")) {
if (answer(200, "isLargerThanADog")) {
if (answer(201, "hasALongTail")) {
if (answer(202, "livesInTrees")) {
if (answer(203, "layEggs")) {
if (answer(204, "swims")) {
if (answer(205, "isFurry")) {
if (answer(206, "isFurry")) {
if (answer(207, "hasHorns")) {
if (answer(208, "hasHooves")) {
if (answer(209, "hasHooves")) {
if (answer(210, "hasFeathers")) {
if (answer(211, "isStriped")) {
if (answer(212, "hasHorns")) {
if (answer(213, "hasWebbedFeet")) {
if (answer(214, "hasALongTail")) {
if (answer(215, "hasHorns")) {
if (answer(216, "livesInTrees")) {
if (answer(217, "isStriped")) {
if (answer(218, "hasALongTail")) {
if (answer(219, "hasHooves")) {
if (answer(220, "hasHorns")) {
if (answer(221, "hibernates")) {
if (answer(222, "isFurry")) {
if (answer(223, "migrates")) {
if (answer(224, "isNocturnal")) {
if (answer(225, "isLargerThanADog")) {
if (answer(226, "swims")) {
if (answer(227, "hasWebbedFeet")) {
if (answer(228, "hasFeathers")) {
if (answer(229, "swims")) {
if (answer(230, "hasFeathers")) {
if (answer(231, "hibernates")) {
if (answer(232, "hasALongTail")) {
if (answer(233, "isLargerThanADog")) {
if (answer(234, "isFurry")) {
if (answer(235, "hasALongTail")) {
if (answer(236, "hasHorns")) {
if (answer(237, "isNocturnal")) {
if (answer(238, "hasHorns")) {
if (answer(239, "isFurry")) {
if (answer(240, "swims")) {
if (answer(241, "isStriped")) {
if (answer(242, "hasHooves")) {
if (answer(243, "eatsFish")) {
if (answer(244, "layEggs")) {
if (answer(245, "canFly")) {
if (answer(246, "isLargerThanADog")) {
if (answer(247, "isNocturnal")) {
if (answer(248, "isLargerThanADog")) {
if (answer(249, "canFly")) {
if (answer(250, "hasALongTail")) {
if (answer(251, "eatsFish")) {
if (answer(252, "isStriped")) {
if (answer(253, "hasHorns")) {
if (answer(254, "hasHooves")) {
if (answer(255, "hasHorns")) {
if (answer(256, "isNocturnal")) {
if (answer(257, "isFurry")) {
if (answer(258, "swims")) {
if (answer(259, "hasALongTail")) {
if (answer(260, "swims")) {
if (answer(261, "hasALongTail")) {
if (answer(262, "hasALongTail")) {
if (answer(263, "hasHooves")) {
if (answer(264, "isStriped")) {
if (answer(265, "hasHooves")) {
if (answer(266, "hasWebbedFeet")) {
if (answer(267, "hasALongTail")) {
if (answer(268, "livesInTrees")) {
if (answer(269, "livesInTrees")) {
if (answer(270, "hasWebbedFeet")) {
if (answer(271, "hasFeathers")) {
if (answer(272, "migrates")) {
if (answer(273, "hasHooves")) {
if (answer(274, "hibernates")) {
if (answer(275, "canFly")) {
if (answer(276, "isStriped")) {
if (answer(277, "hasALongTail")) {
if (answer(278, "hasHooves")) {
if (answer(279, "hasHorns")) {
if (answer(280, "hasHorns")) {
if (answer(281, "swims")) {
if (answer(282, "isLargerThanADog")) {
if (answer(283, "canFly")) {
if (answer(284, "layEggs")) {
if (answer(285, "hasHooves")) {
if (answer(286, "eatsFish")) {
if (answer(287, "isFurry")) {
if (answer(288, "hasWebbedFeet")) {
if (answer(289, "isNocturnal")) {
if (answer(290, "isLargerThanADog")) {
if (answer(291, "swims")) {
if (answer(292, "hasHooves")) {
if (answer(293, "hasFeathers")) {
if (answer(294, "canFly")) {
if (answer(295, "migrates")) {
if (answer(296, "isLargerThanADog")) {
if (answer(297, "swims")) {
if (answer(298, "migrates")) {
if (answer(299, "hasFeathers")) {
if (answer(300, "migrates")) {
if (answer(301, "hasFeathers")) {
if (answer(302, "isLargerThanADog")) {
if (answer(303, "livesInTrees")) {
if (answer(304, "isLargerThanADog")) {
if (answer(305, "livesInTrees")) {
if (answer(306, "isLargerThanADog")) {
if (answer(307, "hibernates")) {
if (answer(308, "hasALongTail")) {
if (answer(309, "eatsFish")) {
if (answer(310, "canFly")) {
if (answer(311, "swims")) {
if (answer(312, "hasWebbedFeet")) {
if (answer(313, "layEggs")) {
if (answer(314, "isLargerThanADog")) {
if (answer(315, "swims")) {
if (answer(316, "isNocturnal")) {
if (answer(317, "eatsFish")) {
if (answer(318, "isNocturnal")) {
if (answer(319, "hasALongTail")) {
if (answer(320, "eatsFish")) {
if (answer(321, "isNocturnal")) {
if (answer(322, "isLargerThanADog")) {
if (answer(323, "migrates")) {
if (answer(324, "isStriped")) {
if (answer(325, "hasHooves")) {
if (answer(326, "isNocturnal")) {
if (answer(327, "migrates")) {
if (answer(328, "hasALongTail")) {
if (answer(329, "hasHooves")) {
if (answer(330, "hasALongTail")) {
if (answer(331, "hasFeathers")) {
if (answer(332, "hasALongTail")) {
if (answer(333, "hibernates")) {
if (answer(334, "isLargerThanADog")) {
if (answer(335, "hasHooves")) {
if (answer(336, "hasHooves")) {
if (answer(337, "isLargerThanADog")) {
if (answer(338, "layEggs")) {
if (answer(339, "hasFeathers")) {
if (answer(340, "livesInTrees")) {
if (answer(341, "isLargerThanADog")) {
if (answer(342, "canFly")) {
if (answer(343, "eatsFish")) {
if (answer(344, "isStriped")) {
if (answer(345, "hibernates")) {
if (answer(346, "swims")) {
if (answer(347, "swims")) {
if (answer(348, "isFurry")) {
if (answer(349, "hasHorns")) {
if (answer(350, "isStriped")) {
if (answer(351, "eatsFish")) {
if (answer(352, "livesInTrees")) {
if (answer(353, "eatsFish")) {
if (answer(354, "hasALongTail")) {
if (answer(355, "hasALongTail")) {
if (answer(356, "hasALongTail")) {
if (answer(357, "hasHooves")) {
if (answer(358, "isNocturnal")) {
if (answer(359, "canFly")) {
if (answer(360, "swims")) {
if (answer(361, "migrates")) {
if (answer(362, "hasWebbedFeet")) {
if (answer(363, "hibernates")) {
if (answer(364, "layEggs")) {
if (answer(365, "isStriped")) {
if (answer(366, "hasHooves")) {
if (answer(367, "eatsFish")) {
if (answer(368, "isFurry")) {
if (answer(369, "eatsFish")) {
if (answer(370, "eatsFish")) {
if (answer(371, "isNocturnal")) {
if (answer(372, "canFly")) {
if (answer(373, "hibernates")) {
if (answer(374, "isStriped")) {
if (answer(375, "hibernates")) {
if (answer(376, "layEggs")) {
if (answer(377, "layEggs")) {
if (answer(378, "hasFeathers")) {
if (answer(379, "hasFeathers")) {
if (answer(380, "isStriped")) {
if (answer(381, "hibernates")) {
if (answer(382, "canFly")) {
if (answer(383, "isLargerThanADog")) {
if (answer(384, "isFurry")) {
if (answer(385, "hibernates")) {
if (answer(386, "isLargerThanADog")) {
if (answer(387, "isStriped")) {
if (answer(388, "hasFeathers")) {
if (answer(389, "isFurry")) {
if (answer(390, "isStriped")) {
if (answer(391, "hasHooves")) {
if (answer(392, "hasHorns")) {
if (answer(393, "hasHorns")) {
if (answer(394, "isFurry")) {
if (answer(395, "hasHooves")) {
if (answer(396, "hasHooves")) {
if (answer(397, "swims")) {
if (answer(398, "migrates")) {
if (answer(399, "eatsFish")) {
return nameTheInnermostAnimal();
} else { return 1399; }
} else { return 1398; }
} else { return 1397; }
} else { return 1396; }
} else { return 1395; }
} else { return 1394; }
} else { return 1393; }
} else { return 1392; }
} else { return 1391; }
} else { return 1390; }
} else { return 1389; }
} else { return 1388; }
} else { return 1387; }
} else { return 1386; }
} else { return 1385; }
} else { return 1384; }
} else { return 1383; }
} else { return 1382; }
} else { return 1381; }
} else { return 1380; }
} else { return 1379; }
} else { return 1378; }
} else { return 1377; }
} else { return 1376; }
} else { return 1375; }
} else { return 1374; }
} else { return 1373; }
} else { return 1372; }
} else { return 1371; }
} else { return 1370; }
} else { return 1369; }
} else { return 1368; }
} else { return 1367; }
} else { return 1366; }
} else { return 1365; }
} else { return 1364; }
} else { return 1363; }
} else { return 1362; }
} else { return 1361; }
} else { return 1360; }
} else { return 1359; }
} else { return 1358; }
} else { return 1357; }
} else { return 1356; }
} else { return 1355; }
} else { return 1354; }
} else { return 1353; }
} else { return 1352; }
} else { return 1351; }
} else { return 1350; }
} else { return 1349; }
} else { return 1348; }
} else { return 1347; }
} else { return 1346; }
} else { return 1345; }
} else { return 1344; }
} else { return 1343; }
} else { return 1342; }
} else { return 1341; }
} else { return 1340; }
} else { return 1339; }
} else { return 1338; }
} else { return 1337; }
} else { return 1336; }
} else { return 1335; }
} else { return 1334; }
} else { return 1333; }
} else { return 1332; }
} else { return 1331; }
} else { return 1330; }
} else { return 1329; }
} else { return 1328; }
} else { return 1327; }
} else { return 1326; }
} else { return 1325; }
} else { return 1324; }
} else { return 1323; }
} else { return 1322; }
} else { return 1321; }
} else { return 1320; }
} else { return 1319; }
} else { return 1318; }
} else { return 1317; }
} else { return 1316; }
} else { return 1315; }
} else { return 1314; }
} else { return 1313; }
} else { return 1312; }
} else { return 1311; }
} else { return 1310; }
} else { return 1309; }
} else { return 1308; }
} else { return 1307; }
} else { return 1306; }
} else { return 1305; }
} else { return 1304; }
} else { return 1303; }
} else { return 1302; }
} else { return 1301; }
} else { return 1300; }
} else { return 1299; }
} else { return 1298; }
} else { return 1297; }
} else { return 1296; }
} else { return 1295; }
} else { return 1294; }
} else { return 1293; }
} else { return 1292; }
} else { return 1291; }
} else { return 1290; }
} else { return 1289; }
} else { return 1288; }
} else { return 1287; }
} else { return 1286; }
} else { return 1285; }
} else { return 1284; }
} else { return 1283; }
} else { return 1282; }
} else { return 1281; }
} else { return 1280; }
} else { return 1279; }
} else { return 1278; }
} else { return 1277; }
} else { return 1276; }
} else { return 1275; }
} else { return 1274; }
} else { return 1273; }
} else { return 1272; }
} else { return 1271; }
} else { return 1270; }
} else { return 1269; }
} else { return 1268; }
} else { return 1267; }
} else { return 1266; }
} else { return 1265; }
} else { return 1264; }
} else { return 1263; }
} else { return 1262; }
} else { return 1261; }
} else { return 1260; }
} else { return 1259; }
} else { return 1258; }
} else { return 1257; }
} else { return 1256; }
} else { return 1255; }
} else { return 1254; }
} else { return 1253; }
} else { return 1252; }
} else { return 1251; }
} else { return 1250; }
} else { return 1249; }
} else { return 1248; }
} else { return 1247; }
} else { return 1246; }
} else { return 1245; }
} else { return 1244; }
} else { return 1243; }
} else { return 1242; }
} else { return 1241; }
} else { return 1240; }
} else { return 1239; }
} else { return 1238; }
} else { return 1237; }
} else { return 1236; }
} else { return 1235; }
} else { return 1234; }
} else { return 1233; }
} else { return 1232; }
} else { return 1231; }
} else { return 1230; }
} else { return 1229; }
} else { return 1228; }
} else { return 1227; }
} else { return 1226; }
} else { return 1225; }
} else { return 1224; }
} else { return 1223; }
} else { return 1222; }
} else { return 1221; }
} else { return 1220; }
} else { return 1219; }
} else { return 1218; }
} else { return 1217; }
} else { return 1216; }
} else { return 1215; }
} else { return 1214; }
} else { return 1213; }
} else { return 1212; }
} else { return 1211; }
} else { return 1210; }
} else { return 1209; }
} else { return 1208; }
} else { return 1207; }
} else { return 1206; }
} else { return 1205; }
} else { return 1204; }
} else { return 1203; }
} else { return 1202; }
} else { return 1201; }
} else { return 1200; }
} else { return 1199; }
} else { return 1198; }
} else { return 1197; }
} else { return 1196; }
} else { return 1195; }
} else { return 1194; }
} else { return 1193; }
} else { return 1192; }
} else { return 1191; }
} else { return 1190; }
} else { return 1189; }
} else { return 1188; }
} else { return 1187; }
} else { return 1186; }
} else { return 1185; }
} else { return 1184; }
} else { return 1183; }
} else { return 1182; }
} else { return 1181; }
} else { return 1180; }
} else { return 1179; }
} else { return 1178; }
} else { return 1177; }
} else { return 1176; }
} else { return 1175; }
} else { return 1174; }
} else { return 1173; }
} else { return 1172; }
} else { return 1171; }
} else { return 1170; }
} else { return 1169; }
} else { return 1168; }
} else { return 1167; }
} else { return 1166; }
} else { return 1165; }
} else { return 1164; }
} else { return 1163; }
} else { return 1162; }
} else { return 1161; }
} else { return 1160; }
} else { return 1159; }
} else { return 1158; }
} else { return 1157; }
} else { return 1156; }
} else { return 1155; }
} else { return 1154; }
} else { return 1153; }
} else { return 1152; }
} else { return 1151; }
} else { return 1150; }
} else { return 1149; }
} else { return 1148; }
} else { return 1147; }
} else { return 1146; }
} else { return 1145; }
} else { return 1144; }
} else { return 1143; }
} else { return 1142; }
} else { return 1141; }
} else { return 1140; }
} else { return 1139; }
} else { return 1138; }
} else { return 1137; }
} else { return 1136; }
} else { return 1135; }
} else { return 1134; }
} else { return 1133; }
} else { return 1132; }
} else { return 1131; }
} else { return 1130; }
} else { return 1129; }
} else { return 1128; }
} else { return 1127; }
} else { return 1126; }
} else { return 1125; }
} else { return 1124; }
} else { return 1123; }
} else { return 1122; }
} else { return 1121; }
} else { return 1120; }
} else { return 1119; }
} else { return 1118; }
} else { return 1117; }
} else { return 1116; }
} else { return 1115; }
} else { return 1114; }
} else { return 1113; }
} else { return 1112; }
} else { return 1111; }
} else { return 1110; }
} else { return 1109; }
} else { return 1108; }
} else { return 1107; }
} else { return 1106; }
} else { return 1105; }
} else { return 1104; }
} else { return 1103; }
} else { return 1102; }
} else { return 1101; }
} else { return 1100; }
} else { return 1099; }
} else { return 1098; }
} else { return 1097; }
} else { return 1096; }
} else { return 1095; }
} else { return 1094; }
} else { return 1093; }
} else { return 1092; }
} else { return 1091; }
} else { return 1090; }
} else { return 1089; }
} else { return 1088; }
} else { return 1087; }
} else { return 1086; }
} else { return 1085; }
} else { return 1084; }
} else { return 1083; }
} else { return 1082; }
} else { return 1081; }
} else { return 1080; }
} else { return 1079; }
} else { return 1078; }
} else { return 1077; }
} else { return 1076; }
} else { return 1075; }
} else { return 1074; }
} else { return 1073; }
} else { return 1072; }
} else { return 1071; }
} else { return 1070; }
} else { return 1069; }
} else { return 1068; }
} else { return 1067; }
} else { return 1066; }
} else { return 1065; }
} else { return 1064; }
} else { return 1063; }
} else { return 1062; }
} else { return 1061; }
} else { return 1060; }
} else { return 1059; }
} else { return 1058; }
} else { return 1057; }
} else { return 1056; }
} else { return 1055; }
} else { return 1054; }
} else { return 1053; }
} else { return 1052; }
} else { return 1051; }
} else { return 1050; }
} else { return 1049; }
} else { return 1048; }
} else { return 1047; }
} else { return 1046; }
} else { return 1045; }
} else { return 1044; }
} else { return 1043; }
} else { return 1042; }
} else { return 1041; }
} else { return 1040; }
} else { return 1039; }
} else { return 1038; }
} else { return 1037; }
} else { return 1036; }
} else { return 1035; }
} else { return 1034; }
} else { return 1033; }
} else { return 1032; }
} else { return 1031; }
} else { return 1030; }
} else { return 1029; }
} else { return 1028; }
} else { return 1027; }
} else { return 1026; }
} else { return 1025; }
} else { return 1024; }
} else { return 1023; }
} else { return 1022; }
} else { return 1021; }
} else { return 1020; }
} else { return 1019; }
} else { return 1018; }
} else { return 1017; }
} else { return 1016; }
} else { return 1015; }
} else { return 1014; }
} else { return 1013; }
} else { return 1012; }
} else { return 1011; }
} else { return 1010; }
} else { return 1009; }
} else { return 1008; }
} else { return 1007; }
} else { return 1006; }
} else { return 1005; }
} else { return 1004; }
} else { return 1003; }
} else { return 1002; }
} else { return 1001; }
} else { return 1000; }
}

function nameTheInnermostAnimal() {
  return "a platypus";
}

module.exports = { guessAnimal };
